package witness

import (
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
	"golang.org/x/mod/sumdb/tlog"
)

// TestKnownPaths holds proofs of the trees of [TestKnownTrees] against vectors that every implementation of RFC 6962 shares.
// Source: google/certificate-transparency-go, internal/merkle (TestVectors); RFC 6962, sections 2.1.1 and 2.1.2.
func TestKnownPaths(t *testing.T) {
	const (
		leaf0, leaf1, leaf4, leaf6 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
			"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b", "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"
		leaves01, leaves23 = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125", "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
		leaves45, leaves67 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a", "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
		leaves03, leaves47 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7", "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
	)
	tree := knownTree(t, 8)
	for _, known := range []struct {
		size, index int64
		path        []string
	}{
		{1, 0, nil}, {8, 0, []string{leaf1, leaves23, leaves47}}, {8, 5, []string{leaf4, leaves67, leaves03}}, {3, 2, []string{leaves01}}, {5, 1, []string{leaf0, leaves23, leaf4}},
	} {
		path, err := tlog.ProveRecord(known.size, known.index, tree)
		if got := inHex(path); err != nil || !slices.Equal(got, known.path) {
			t.Errorf("inclusion of leaf %d in %d is %v, want %v: %v", known.index, known.size, got, known.path, err)
		}
	}
	for _, known := range []struct {
		size, older int64
		path        []string
	}{
		{1, 1, nil}, {8, 1, []string{leaf1, leaves23, leaves47}}, {8, 6, []string{leaves45, leaves67, leaves03}}, {5, 2, []string{leaves23, leaf4}}, {7, 6, []string{leaves45, leaf6, leaves03}},
	} {
		path, err := tlog.ProveTree(known.size, known.older, tree)
		if got := inHex(path); err != nil || !slices.Equal(got, known.path) {
			t.Errorf("consistency of %d with %d is %v, want %v: %v", known.size, known.older, got, known.path, err)
		}
	}
}

func inHex(path []tlog.Hash) (all []string) {
	for _, hash := range path {
		all = append(all, hex.EncodeToString(hash[:]))
	}
	return all
}

// compareInclusion proves a leaf on both sides, and breaks the proof.
func compareInclusion(t *testing.T, random *rand.Rand, theirs *testonly.Tree, ours *tree, index int, leaf []byte, seen *compared) {
	t.Helper()
	size := int(ours.size())
	path, err := tlog.ProveRecord(int64(size), int64(index), ours.folder.hashes(ours.stored))
	if err != nil {
		t.Fatal(err)
	}
	made, err := theirs.InclusionProof(uint64(index), uint64(size))
	if err != nil || !slices.Equal(path, tlog.RecordProof(hashes(made))) {
		t.Fatalf("inclusion of %d in %d is %v, theirs is %x: %v", index, size, path, made, err)
	}
	check := func(path []tlog.Hash, size, index int, leaf, root tlog.Hash) (weAccept, theyAccept bool) {
		weAccept = tlog.CheckRecord(path, int64(size), root, int64(index), leaf) == nil
		return weAccept, proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(size), leaf[:], plain(path), root[:]) == nil
	}
	right, root := leafHash(leaf), ours.stored.Hash
	if we, they := check(path, size, index, right, root); !we || !they {
		t.Fatalf("inclusion of %d in %d: accepted by us %t, by them %t", index, size, we, they)
	}
	seen.inclusion++
	for _, broken := range brokenPaths(random, path) {
		if we, they := check(broken, size, index, right, root); we || they {
			t.Fatalf("inclusion of %d in %d with a broken path: accepted by us %t, by them %t", index, size, we, they)
		}
		seen.broken++
	}
	for _, other := range []struct{ leaf, root tlog.Hash }{{flippedHash(random, right), root}, {right, flippedHash(random, root)}, {leafHash(append(slices.Clone(leaf), 0)), root}} {
		if we, they := check(path, size, index, other.leaf, other.root); we || they {
			t.Fatalf("inclusion of %d in %d for another leaf or root: accepted by us %t, by them %t", index, size, we, they)
		}
		seen.broken++
	}
	// A path can fit another size or place, with the same hashes in it: both must say the same.
	for _, other := range [][2]int{{size + 1, index}, {max(size-1, index+1), index}, {size, (index + 1) % size}, {size, index ^ 1}} {
		if other[1] >= other[0] {
			continue
		}
		if we, they := check(path, other[0], other[1], right, root); we != they {
			t.Fatalf("inclusion of %d in %d as %d in %d: accepted by us %t, by them %t", index, size, other[1], other[0], we, they)
		}
	}
}

// compareConsistency proves on both sides that the tree continues an older one, and breaks the proof.
func compareConsistency(t *testing.T, random *rand.Rand, theirs *testonly.Tree, ours *tree, older int, seen *compared) {
	t.Helper()
	size := int(ours.size())
	path, err := tlog.ProveTree(int64(size), int64(older), ours.folder.hashes(ours.stored))
	if err != nil {
		t.Fatal(err)
	}
	made, err := theirs.ConsistencyProof(uint64(older), uint64(size))
	if err != nil || !slices.Equal(path, tlog.TreeProof(hashes(made))) {
		t.Fatalf("consistency of %d with %d is %v, theirs is %x: %v", size, older, path, made, err)
	}
	check := func(path []tlog.Hash, older int, then, now tlog.Hash) (weAccept, theyAccept bool) {
		weAccept = tlog.CheckTree(path, int64(size), now, int64(older), then) == nil
		return weAccept, proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(older), uint64(size), plain(path), then[:], now[:]) == nil
	}
	then, now := tlog.Hash(theirs.HashAt(uint64(older))), ours.stored.Hash
	if we, they := check(path, older, then, now); !we || !they {
		t.Fatalf("consistency of %d with %d: accepted by us %t, by them %t", size, older, we, they)
	}
	seen.consistency++
	for _, broken := range brokenPaths(random, path) {
		if we, they := check(broken, older, then, now); we || they {
			t.Fatalf("consistency of %d with %d with a broken path: accepted by us %t, by them %t", size, older, we, they)
		}
		seen.broken++
	}
	for _, other := range [][2]tlog.Hash{{flippedHash(random, then), now}, {then, flippedHash(random, now)}} {
		if we, they := check(path, older, other[0], other[1]); we || they {
			t.Fatalf("consistency of %d with %d and another root: accepted by us %t, by them %t", size, older, we, they)
		}
		seen.broken++
	}
	if other := 1 + random.IntN(size); other != older {
		if we, they := check(path, other, then, now); we != they {
			t.Fatalf("consistency of %d with %d as with %d: accepted by us %t, by them %t", size, older, other, we, they)
		}
	}
}

// brokenPaths are proofs in which a bit is flipped, a hash is missing, one is too many, or two have changed places.
func brokenPaths(random *rand.Rand, path []tlog.Hash) (broken [][]tlog.Hash) {
	at := random.IntN(len(path) + 1)
	broken = append(broken, slices.Insert(slices.Clone(path), at, flippedHash(random, tlog.Hash{})))
	if len(path) == 0 {
		return broken
	}
	at %= len(path)
	flipped := slices.Clone(path)
	flipped[at] = flippedHash(random, flipped[at])
	broken = append(broken, flipped, slices.Delete(slices.Clone(path), at, at+1))
	if next := (at + 1) % len(path); path[next] != path[at] {
		swapped := slices.Clone(path)
		swapped[at], swapped[next] = swapped[next], swapped[at]
		broken = append(broken, swapped)
	}
	return broken
}

func flippedHash(random *rand.Rand, hash tlog.Hash) tlog.Hash {
	hash[random.IntN(len(hash))] ^= 1 << random.IntN(8)
	return hash
}

func plain(hashes []tlog.Hash) [][]byte {
	list := make([][]byte, len(hashes))
	for i := range hashes {
		list[i] = hashes[i][:]
	}
	return list
}

func hashes(plain [][]byte) []tlog.Hash {
	list := make([]tlog.Hash, len(plain))
	for i := range plain {
		list[i] = tlog.Hash(plain[i])
	}
	return list
}
