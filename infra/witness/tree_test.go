package witness

import (
	"bytes"
	"encoding/hex"
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

var trees = flag.Int("trees", 1000, "how many random trees are compared with another implementation")

// TestKnownTrees holds the tree against vectors that every implementation of RFC 6962 shares.
// Source: google/certificate-transparency-go, internal/merkle (TestVectors).
func TestKnownTrees(t *testing.T) {
	leaves := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
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
	grown := newTree(OpenFolder(t.TempDir()))
	for i, want := range roots {
		root, err := grown.root()
		if err != nil || hex.EncodeToString(root[:]) != want {
			t.Errorf("the root of %d leaves is %x, want %s: %v", i, root, want, err)
		}
		if i == len(leaves) {
			break
		}
		leaf, err := hex.DecodeString(leaves[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := grown.add(leaf); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRandomTreesAgreeWithAnotherImplementation compares roots and proofs of trees that were stored in pieces and read back.
// Run more with: go test ./infra/witness -run RandomTrees -trees 100000 -timeout 2h
func TestRandomTreesAgreeWithAnotherImplementation(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range *trees {
		f := OpenFolder("tree")
		f.disk = memory{}
		size := 1 + random.IntN(40)
		if random.IntN(20) == 0 { // now and then more than a tile
			size = 1 + random.IntN(1200)
		}
		compareTree(t, random, f, size)
	}
}

func compareTree(t *testing.T, random *rand.Rand, f *Folder, size int) {
	t.Helper()
	theirs := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	ours := newTree(f)
	var leaves [][]byte
	var roots [][]byte // by size
	root := func() []byte {
		root, err := theirs.GetRootHash(nil)
		if err != nil {
			t.Fatal(err)
		}
		return root
	}
	roots = append(roots, nil)
	for i := range size {
		leaf := make([]byte, random.IntN(100))
		for j := range leaf {
			leaf[j] = byte(random.Uint32())
		}
		leaves = append(leaves, leaf)
		if err := theirs.Append(rfc6962.DefaultHasher.HashLeaf(leaf), nil); err != nil {
			t.Fatal(err)
		}
		if err := ours.add(leaf); err != nil {
			t.Fatal(err)
		}
		roots = append(roots, root())
		if i < size-1 && random.IntN(30) == 0 {
			storeAndLoad(t, &ours)
		}
	}
	storeAndLoad(t, &ours)
	if !bytes.Equal(ours.stored.Hash[:], roots[size]) {
		t.Fatalf("the root of %d leaves is %x, theirs is %x", size, ours.stored.Hash, roots[size])
	}
	if err := f.Check(ours.stored); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		index, older := random.IntN(size), 1+random.IntN(size)
		inclusion, err := tlog.ProveRecord(int64(size), int64(index), f.hashes(ours.stored))
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(size), rfc6962.DefaultHasher.HashLeaf(leaves[index]), plain(inclusion), roots[size]); err != nil {
			t.Fatalf("inclusion of %d in %d: %v", index, size, err)
		}
		if proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(size), rfc6962.DefaultHasher.HashLeaf(append(leaves[index], 0)), plain(inclusion), roots[size]) == nil {
			t.Fatalf("inclusion of another leaf in place of %d in %d is accepted", index, size)
		}
		consistency, err := tlog.ProveTree(int64(size), int64(older), f.hashes(ours.stored))
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(older), uint64(size), plain(consistency), roots[older], roots[size]); err != nil {
			t.Fatalf("consistency of %d with %d: %v", older, size, err)
		}
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

func plain(hashes []tlog.Hash) [][]byte {
	list := make([][]byte, len(hashes))
	for i := range hashes {
		list[i] = hashes[i][:]
	}
	return list
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
