/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sanitizer.h - is this a build with a sanitizer, whose runtime maps terabytes and makes system
 * calls of its own at any time?
 */
#ifndef MAYFLY_BASE_SANITIZER_H
#define MAYFLY_BASE_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WITH_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WITH_SANITIZER 1
#endif
#endif

#ifndef WITH_SANITIZER
#define WITH_SANITIZER 0
#endif

/* And is it the one that looks for races between threads? */
#ifdef __SANITIZE_THREAD__
#define WITH_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_THREAD_SANITIZER 1
#endif
#endif

#ifndef WITH_THREAD_SANITIZER
#define WITH_THREAD_SANITIZER 0
#endif

#endif
