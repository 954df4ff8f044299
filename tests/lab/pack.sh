# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# tests/lab/pack.sh: what both levels' initramfs are made with. To be sourced; $tree is the folder
# that the archive is made of.

# A new tree with busybox in it.
begin_tree() {
	tree=$1
	rm -rf "$tree"
	mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/tmp" "$tree/modules"
	cp "$(command -v busybox)" "$tree/bin/busybox"
	ln -s busybox "$tree/bin/sh"
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
