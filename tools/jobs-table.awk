# SPDX-License-Identifier: GPL-3.0-or-later
# Sums the lines of "distcc --jobs" up: one row for each place and reason.
# Fields: id state where reason exit wall_ms cpu_ms bytes_up bytes_down source.

NF >= 10 && $1 ~ /^[0-9]+$/ {
	key = $3 "\t" $4
	if (!(key in jobs))
		keys[++n] = key
	jobs[key]++
	failed[key] += $5 != 0
	wall[key] += $6
	cpu[key] += $7
	up[key] += $8
	down[key] += $9
}

function row(where, reason, jobs, failed, wall, cpu, up, down)
{
	printf "%-22s %-26s %6s %6s %9s %9s %9s %9s\n",
		where, reason, jobs, failed, wall, cpu, up, down
}

END {
	row("where", "why", "jobs", "failed", "wall s", "cpu s", "sent KiB", "got KiB")
	for (i = 1; i <= n; i++) {
		k = keys[i]
		split(k, part, "\t")
		row(part[1], part[2], jobs[k], failed[k], sprintf("%.2f", wall[k] / 1000),
			sprintf("%.2f", cpu[k] / 1000), sprintf("%.0f", up[k] / 1024),
			sprintf("%.0f", down[k] / 1024))
		all_jobs += jobs[k]; all_failed += failed[k]; all_wall += wall[k]
		all_cpu += cpu[k]; all_up += up[k]; all_down += down[k]
	}
	row("all", "", all_jobs + 0, all_failed + 0, sprintf("%.2f", all_wall / 1000),
		sprintf("%.2f", all_cpu / 1000), sprintf("%.0f", all_up / 1024),
		sprintf("%.0f", all_down / 1024))
}
