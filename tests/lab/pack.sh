# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# tests/lab/pack.sh: what both levels' initramfs are made with. To be sourced; $tree is the folder
# that the archive is made of.

# A file system that is not in Debian's kernel, and what its names are translated with.
# shellcheck disable=SC2034
disk_modules="vfat nls_cp437 nls_ascii nls_utf8"

# A new tree with busybox in it.
begin_tree() {
	tree=$1
	rm -rf "$tree"
	mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/tmp" "$tree/modules"
	cp "$(command -v busybox)" "$tree/bin/busybox"
	ln -s busybox "$tree/bin/sh"
}

add_libraries() {
	ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
		[ -e "$tree$library" ] || install -D "$library" "$tree$library"
	done
}

# add_program PROGRAM [FOLDER]: with its libraries; nothing where this machine has none.
add_program() {
	program=$(PATH=$PATH:/usr/sbin:/sbin command -v "$1") || return 0
	install -D "$program" "$tree/${2:-usr/bin}/$1"
	add_libraries "$program"
}

# add_modules KERNEL NAME...: these modules and what they need; /modules/order is for insmod.
add_modules() {
	tests/lab/modules "$@" >"$tree.modules"
	while read -r module; do
		strip -g -o "$tree/modules/${module##*/}" "$module"
		echo "/modules/${module##*/}" >>"$tree/modules/order"
	done <"$tree.modules"
	rm "$tree.modules"
}

# The archive, under its name only when it is whole.
end_tree() {
	(cd "$tree" && find . | cpio -o -H newc -R 0:0 --quiet) >"$1.part"
	mv "$1.part" "$1"
	rm -rf "$tree"
}
