# SPDX-License-Identifier: Apache-2.0
# boot.gp DATA SVG: every run of the boot benchmark as a dot, two strips for each program.
# perf/report_boot.c says what stands in DATA.

data = ARG1
stats data index 0 using 7 nooutput
n = int(STATS_records)
highest = STATS_max
stats data index 1 using 2 nooutput
n_runs = int(STATS_records)
lowest = STATS_min

set terminal svg size 1000, 170 + 76 * n dynamic background "#ffffff" font "DejaVu Sans, 13"
set output ARG2
set title sprintf("{/*1.15 Boot of the smallest guest}\n%d runs of each, interleaved in random order; 128 MiB, one vCPU", n_runs) offset 0, 0.4
set xlabel "milliseconds since the start of the process, logarithmic" offset 0, -0.2
set logscale x
set xrange [lowest * 0.8 : highest * 2.4]
set xtics (0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500) nomirror
set yrange [n - 0.45 : -0.55]
set ytics scale 0 textcolor rgb "#202020"
set grid xtics linetype 1 linecolor rgb "#e0e0e0"
set border 1 linecolor rgb "#606060"
set key bmargin center vertical maxrows 3 Left reverse samplen 0.5 height 0.6
set lmargin 24
set rmargin 4

first_color = "#1f77b4"
end_color = "#c85a00"
shown(x) = x > 0 ? x : NaN
first_y(i) = i - 0.18
end_y(i) = i + 0.18
jitter(strip) = strip + (rand(0) - 0.5) * 0.2
figures(p50, p99) = sprintf("%.2f  (%.2f)", p50, p99)

plot \
	for [i = 0 : n - 1] data index i + 1 using (shown(column(1))):(jitter(first_y(i))) \
		with points pointtype 7 pointsize 0.32 linecolor rgb "#801f77b4" notitle, \
	for [i = 0 : n - 1] data index i + 1 using 2:(jitter(end_y(i))) \
		with points pointtype 7 pointsize 0.32 linecolor rgb "#80c85a00" notitle, \
	data index 0 using (shown(column(2))):(first_y(column(0)) - 0.16):(0):(0.32) \
		with vectors nohead linewidth 2.5 linecolor rgb first_color notitle, \
	data index 0 using 5:(end_y(column(0)) - 0.16):(0):(0.32):ytic(1) \
		with vectors nohead linewidth 2.5 linecolor rgb end_color notitle, \
	data index 0 using (shown(column(4))):(first_y(column(0))):(figures(column(2), column(3))) \
		with labels left offset 1, 0 font ", 11" textcolor rgb first_color notitle, \
	data index 0 using 7:(end_y(column(0))):(figures(column(5), column(6))) \
		with labels left offset 1, 0 font ", 11" textcolor rgb end_color notitle, \
	NaN with points pointtype 7 pointsize 0.8 linecolor rgb first_color title "first byte of the guest", \
	NaN with points pointtype 7 pointsize 0.8 linecolor rgb end_color title "end of the process", \
	NaN with lines linewidth 0 linecolor rgb "#ffffff" title "bar and number: median (99th percentile)"
