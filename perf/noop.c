/* SPDX-License-Identifier: Apache-2.0 */
/* noop.c - the zero of the boot benchmark: what starting and ending any static process costs. */
int main(void)
{
	return 0;
}
