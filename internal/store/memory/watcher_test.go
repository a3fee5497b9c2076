package memory_test

import (
	"math"
	"math/rand/v2"
	"slices"
)

// A year of a small office, as seen by one who fetches every version of every
// list at every tick, knows the mechanism, and wants to know which indices
// belong to one document. He has the index of one copy, because somebody
// showed it to him, and names another.

// seen is a flip as the watcher sees it; document is the truth, 0 for noise.
// There are a million: it is small, and instants are in seconds of the year.
type seen struct {
	at, opened  int64 // opened: the list
	list, index uint32
	document    int32
}

// urgent flips come between the ticks.
func (f seen) urgent() bool { return f.at%60 != 0 }

const hoursOfYear = 365 * 24

// year is everything that was seen, by window of an hour, and the targets.
type year struct {
	hours   [hoursOfYear][]seen
	targets []seen // one copy of each document that was revoked without urgency
	cover   int
}

// candidates are the other flips of the hour; the watcher leaves out those that
// were urgent.
func (y *year) candidates(target seen) (out []seen, perList map[uint32]int) {
	perList = map[uint32]int{}
	for _, f := range y.hours[target.at/3600] {
		if !f.urgent() && (f.list != target.list || f.index != target.index) {
			out = append(out, f)
			perList[f.list]++
		}
	}
	return out, perList
}

// chance is how often a guess among the flips of the window is right, were the
// window as full as the configuration promises.
func (y *year) chance(target seen, candidates []seen) float64 {
	same := 0
	for _, f := range candidates {
		if f.document == target.document {
			same++
		}
	}
	return float64(same) / float64(max(len(candidates), y.cover-1))
}

// strategy gives each candidate a score; the best is the guess.
type strategy struct {
	name  string
	score func(target, f seen, perList map[uint32]int) float64
}

func gap(a, b seen) float64 { return math.Abs(float64(a.at-b.at) / 60) }

func distance(a, b seen) float64 { return math.Abs(float64(a.index) - float64(b.index)) }

func when(ok bool, score float64) float64 {
	if ok {
		return score
	}
	return math.Inf(-1)
}

var strategies = []strategy{
	{"any of the window", func(t, f seen, _ map[uint32]int) float64 { return 0 }},
	{"nearest tick", func(t, f seen, _ map[uint32]int) float64 { return -gap(t, f) }},
	{"nearest tick in the same list", func(t, f seen, _ map[uint32]int) float64 { return when(t.list == f.list, -gap(t, f)) }},
	{"nearest tick in another list", func(t, f seen, _ map[uint32]int) float64 { return when(t.list != f.list, -gap(t, f)) }},
	{"next tick after", func(t, f seen, _ map[uint32]int) float64 { return when(f.at >= t.at, -gap(t, f)) }},
	{"nearest index", func(t, f seen, _ map[uint32]int) float64 { return -distance(t, f) }},
	{"nearest index in the same list", func(t, f seen, _ map[uint32]int) float64 { return when(t.list == f.list, -distance(t, f)) }},
	{"list opened nearest", func(t, f seen, _ map[uint32]int) float64 { return -math.Abs(float64(t.opened - f.opened)) }},
	{"list that flips most in the window", func(t, f seen, perList map[uint32]int) float64 { return float64(perList[f.list]) }},
	{"list that flips least in the window", func(t, f seen, perList map[uint32]int) float64 { return -float64(perList[f.list]) }},
	{"oldest list", func(t, f seen, _ map[uint32]int) float64 { return -float64(f.opened) }},
	{"newest list", func(t, f seen, _ map[uint32]int) float64 { return float64(f.opened) }},
}

// features are what the learner looks at.
func features(t, f seen, perList map[uint32]int) [7]int {
	log := func(x float64) int { return int(math.Log2(1 + x)) }
	same := 0
	if t.list == f.list {
		same = 1
	}
	const day = 24 * 3600
	ages := int((f.opened-t.opened)/(8*day)) + 64
	return [7]int{same, log(gap(t, f)), log(distance(t, f)), ages, int(f.at/60%60) / 6, int((f.at - f.opened) / (15 * day)), log(float64(perList[f.list]))}
}

// learner is naive Bayes, told the truth about half of the year: whatever the
// features give away of a pair, it finds.
func learner(y *year, lessons []seen) strategy {
	var counts [2][7][256]float64
	var pairs [2]float64
	for _, t := range lessons {
		hour, perList := y.candidates(t)
		for _, f := range hour {
			same := 0
			if f.document == t.document {
				same = 1
			}
			pairs[same]++
			for i, v := range features(t, f, perList) {
				counts[same][i][v&255]++
			}
		}
	}
	var odds [7][256]float64
	for i := range odds {
		for v := range odds[i] {
			odds[i][v] = math.Log((counts[1][i][v]+1)/(pairs[1]+50)) - math.Log((counts[0][i][v]+1)/(pairs[0]+50))
		}
	}
	return strategy{"naive Bayes", func(t, f seen, perList map[uint32]int) float64 {
		score := 0.0
		for i, v := range features(t, f, perList) {
			score += odds[i][v&255]
		}
		return score
	}}
}

// result of a strategy.
type result struct {
	name                   string
	guesses                int
	precision, chance, sds float64
}

// attack lets every strategy guess for every target of the second half.
func (y *year) attack() []result {
	half := len(y.targets) / 2
	tried := y.targets[half:min(len(y.targets), half+2500)]
	var out []result
	for i, s := range append(slices.Clone(strategies), learner(y, y.targets[:half])) {
		random := rand.New(rand.NewPCG(uint64(i), 99))
		hits, sum, variance, guesses := 0.0, 0.0, 0.0, 0
		for _, t := range tried {
			hour, perList := y.candidates(t)
			var best []seen
			top := math.Inf(-1)
			for _, f := range hour {
				switch score := s.score(t, f, perList); {
				case math.IsInf(score, -1):
				case score > top:
					best, top = []seen{f}, score
				case score == top:
					best = append(best, f)
				}
			}
			if len(best) == 0 {
				continue // he does not guess
			}
			guesses++
			if best[random.IntN(len(best))].document == t.document {
				hits++
			}
			p := y.chance(t, hour)
			sum += p
			variance += p * (1 - p)
		}
		if guesses > 0 {
			n := float64(guesses)
			out = append(out, result{s.name, guesses, hits / n, sum / n, (hits - sum) / math.Sqrt(variance)})
		}
	}
	return out
}
