# SPDX-License-Identifier: Apache-2.0
# block.gp DATA SVG: medians of the block benchmark, with the least and the most of the rounds.
# perf/report_block.c says what stands in DATA.

data = ARG1
stats data index 0 using 3 nooutput
n = int(STATS_records)
names = "fio fio-batched mayfly QEMU"

set terminal svg size 1100, 150 + 62 * n dynamic background "#ffffff" font "DejaVu Sans, 13"
set output ARG2
set multiplot layout 1, 2 title "{/*1.15 One disk, by the same guest in mayfly and in QEMU, and by fio on the host}"
set logscale x
set yrange [n - 0.4 : -0.6]
set ytics scale 0 textcolor rgb "#202020"
set xtics nomirror
set grid xtics linetype 1 linecolor rgb "#e0e0e0"
set border 1 linecolor rgb "#606060"
set key bmargin center horizontal Left reverse samplen 0.5

array colors[4] = ["#7f7f7f", "#bcbd22", "#1f77b4", "#c85a00"]
shown(x) = x > 0 ? x : NaN
place(row, program) = row + (program - 1.5) * 0.17

set bmargin 6
set lmargin 20
set xlabel "requests a second, logarithmic"
set xrange [100 : *]
plot for [j = 0 : words(names) - 1] data index j \
	using (shown(column(3))):(place(column(0), j)):4:5 with xerrorbars \
	linewidth 1.6 pointtype 7 pointsize 0.6 linecolor rgb colors[j + 1] title word(names, j + 1), \
	data index 0 using (1000):0:ytic(1) with dots linecolor rgb "#ffffff" notitle

set lmargin 4
set xrange [1 : *]
set format y ""
set xlabel "processor time for each request, in microseconds, logarithmic"
plot for [j = 0 : words(names) - 1] data index j \
	using (shown(column(6))):(place(column(0), j)):7:8 with xerrorbars \
	linewidth 1.6 pointtype 7 pointsize 0.6 linecolor rgb colors[j + 1] notitle
unset multiplot
