package witness

import (
	"bytes"
	"encoding/hex"
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
	"golang.org/x/mod/sumdb/tlog"
)

var (
	trees    = flag.Int("trees", 500, "how many random trees are compared with another implementation")
	seedFlag = flag.Uint64("seed", 0, "seed of random trees and changes; 0: another one each time")
)

// seeded gives a source of randomness that the printed seed repeats.
func seeded(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("to repeat: -seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestKnownTrees holds the tree against vectors that every implementation of RFC 6962 shares.
// Source: google/certificate-transparency-go, internal/merkle (TestVectors).
func TestKnownTrees(t *testing.T) {
	roots := []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	for size, want := range roots {
		root, err := knownTree(t, size).root()
		if err != nil || hex.EncodeToString(root[:]) != want {
			t.Errorf("the root of %d leaves is %x, want %s: %v", size, root, want, err)
		}
	}
}

// knownTree has the first leaves of the known trees.
func knownTree(t *testing.T, size int) *tree {
	t.Helper()
	grown := newTree(OpenFolder(t.TempDir()))
	for _, text := range []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}[:size] {
		leaf, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := grown.add(leaf); err != nil {
			t.Fatal(err)
		}
	}
	return grown
}

// TestRandomTreesAgreeWithAnotherImplementation compares trees that were stored in pieces and read back: their roots, proofs made by
// either side and checked by the other, and that both refuse the same broken ones.
// Run more with: scripts/faults trees
func TestRandomTreesAgreeWithAnotherImplementation(t *testing.T) {
	random := seeded(t)
	var seen compared
	for range *trees {
		f := OpenFolder("tree")
		f.disk = memory{}
		size := 1 + random.IntN(40)
		if random.IntN(20) == 0 { // now and then more than a tile
			size = 1 + random.IntN(1200)
		}
		compareTree(t, random, f, size, &seen)
	}
	t.Logf("%d trees of %d leaves, %d inclusion and %d consistency proofs each way, %d broken ones refused by both", *trees, seen.leaves, seen.inclusion, seen.consistency, seen.broken)
}

// compared counts what was compared with the other implementation.
type compared struct{ leaves, inclusion, consistency, broken int }

func compareTree(t *testing.T, random *rand.Rand, f *Folder, size int, seen *compared) {
	t.Helper()
	theirs, ours := testonly.New(rfc6962.DefaultHasher), newTree(f)
	var leaves [][]byte
	for i := range size {
		leaf := make([]byte, random.IntN(100))
		for j := range leaf {
			leaf[j] = byte(random.Uint32())
		}
		leaves = append(leaves, leaf)
		theirs.AppendData(leaf)
		if err := ours.add(leaf); err != nil {
			t.Fatal(err)
		}
		if i < size-1 && random.IntN(30) == 0 {
			storeAndLoad(t, &ours)
		}
	}
	storeAndLoad(t, &ours)
	if !bytes.Equal(ours.stored.Hash[:], theirs.Hash()) {
		t.Fatalf("the root of %d leaves is %x, theirs is %x", size, ours.stored.Hash, theirs.Hash())
	}
	if err := f.Check(ours.stored); err != nil {
		t.Fatal(err)
	}
	seen.leaves += size
	for range 3 {
		index, older := random.IntN(size), 1+random.IntN(size)
		compareInclusion(t, random, theirs, ours, index, leaves[index], seen)
		compareConsistency(t, random, theirs, ours, older, seen)
	}
}

// storeAndLoad makes the tree forget what is in memory.
func storeAndLoad(t *testing.T, tree **tree) {
	t.Helper()
	if err := (*tree).store(); err != nil {
		t.Fatal(err)
	}
	loaded, err := loadTree((*tree).folder, (*tree).stored)
	if err != nil {
		t.Fatal(err)
	}
	*tree = loaded
}

// TestTilePaths holds the layout against the specification's examples. Source: C2SP, tlog-tiles.
func TestTilePaths(t *testing.T) {
	f := OpenFolder("d")
	for want, tile := range map[string]tlog.Tile{
		"d/tile/0/x001/x234/067":   {H: 8, L: 0, N: 1234067, W: 256},
		"d/tile/1/001.p/17":        {H: 8, L: 1, N: 1, W: 17},
		"d/tile/entries/273.p/112": {H: 8, L: entriesLevel, N: 273, W: 112},
		"d/tile/entries/x273/112":  {H: 8, L: entriesLevel, N: 273112, W: 256},
	} {
		if got := f.path(tile); got != want {
			t.Errorf("%v is at %s, want %s", tile, got, want)
		}
	}
}
