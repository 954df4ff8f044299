/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msg.h - whole messages over a SOCK_SEQPACKET pair, without descriptors.
 *
 * A message arrives whole or not at all; what is longer than the receiver allows, or carries a
 * descriptor, is an error and leaves no descriptor open.
 */
#ifndef MAYFLY_BASE_MSG_H
#define MAYFLY_BASE_MSG_H

#include <stddef.h>

#include "base/scope.h"

/*
 * Sends one message; `flags` are send()'s: without MSG_DONTWAIT it waits while the socket is full.
 * Errors: -EPIPE when nobody is there, -EAGAIN.
 */
MUST_CHECK int msg_send(int socket, const void *bytes, size_t len, int flags);

/*
 * Receives one message of at most `capacity` bytes; `flags` are recv()'s (MSG_DONTWAIT). Returns
 * its length; 0 when the peer is gone. Errors: -EAGAIN, -EBADMSG for one that is too long or
 * carries descriptors.
 */
MUST_CHECK int msg_recv(int socket, void *bytes, size_t capacity, int flags);

#endif
