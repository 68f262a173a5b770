# Turns the output of go test -v into lines: suite, group, tests, passed, failed, left out; then the reasons of tests that
# left themselves out. Tests with parts are not counted, their parts are. Variables: suite, depth.

/^=== (RUN|CONT|NAME) / { current = $3 }
/^ +[A-Za-z0-9_]+\.(go|mjs):[0-9]+: / { text = $0; sub(/^[^:]*:[0-9]+: /, "", text); reason[current] = text }
/^[ \t]+(Error|Messages):[ \t]/ { text = $0; gsub(/[ \t]+/, " ", text); reason[current] = reason[current] text }
/^ *--- (PASS|FAIL|SKIP): / {
	sub(/:$/, "", $2)
	if (!($3 in result)) names[++count] = $3
	result[$3] = $2
	for (name = $3; sub(/\/[^\/]*$/, "", name);) parent[name] = 1
}

END {
	for (i = 1; i <= count; i++) {
		if (names[i] in parent && result[names[i]] != "FAIL") continue
		if (names[i] in parent && failedPart(names[i])) continue
		parts = split(names[i], part, "/")
		group = parts == 1 ? "(single tests)" : part[1]
		for (p = 2; p <= depth && p < parts; p++) group = group "/" part[p]
		if (!(group in tests)) groups[++groupCount] = group
		tests[group]++
		totals[group, result[names[i]]]++
		if (result[names[i]] == "SKIP") skipped[++skips] = names[i]
		if (result[names[i]] == "FAIL") wrong[++wrongs] = names[i]
	}
	for (i = 1; i <= groupCount; i++) {
		g = groups[i]
		printf "%-22s %-50s %6d %6d %6d %8d\n", suite, g, tests[g], totals[g, "PASS"], totals[g, "FAIL"], totals[g, "SKIP"]
	}
	for (i = 1; i <= skips; i++) printf "  left itself out: %s: %s\n", skipped[i], (reason[skipped[i]] == "" ? "without a word" : reason[skipped[i]])
	for (i = 1; i <= wrongs; i++) printf "  FAILED: %s: %s\n", wrong[i], reason[wrong[i]]
}

# failedPart tells whether a part of a failed test failed: then the part is counted.
function failedPart(name,    i) {
	for (i = 1; i <= count; i++) if (result[names[i]] == "FAIL" && index(names[i], name "/") == 1) return 1
	return 0
}
