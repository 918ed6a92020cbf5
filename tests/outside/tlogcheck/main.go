// tlogcheck judges a ledger by golang.org/x/mod/sumdb, the reader behind Go's
// checksum database: signature, tree, every entry, inclusion and consistency
// proofs. It shares nothing with Proctor but the C2SP formats.
//
//	tlogcheck LEDGER [MAX_PROOFS]     prints "OK size root"; else exits with 1
//
// Debian's packages suffice: GO111MODULE=off GOPATH=/usr/share/gocode go build
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// tiles reads tile files; the library checks each against the tree.
type tiles struct{ dir string }

func (t tiles) Height() int                         { return height }
func (t tiles) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

// file turns the library's path (tile/8/L/N, tile/8/data/N) into C2SP's.
func (t tiles) file(tile tlog.Tile) string {
	p := strings.TrimPrefix(tile.Path(), "tile/8/")
	p = strings.Replace(p, "data/", "entries/", 1)
	return filepath.Join(t.dir, "tile", p)
}

func (t tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range list {
		data, err := os.ReadFile(t.file(tile))
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s: %d bytes", tile.Path(), len(data))
		}
		out = append(out, data)
	}
	return out, nil
}

// checkpoint opens the signed note and reads its three lines.
func checkpoint(dir string) (tree tlog.Tree, err error) {
	vkey, err := os.ReadFile(filepath.Join(dir, "vkey"))
	if err != nil {
		return tree, err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(vkey)))
	if err != nil {
		return tree, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return tree, err
	}
	n, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		return tree, fmt.Errorf("checkpoint: not three lines of this log")
	}
	tree.N, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(tree.N, 10) != lines[1] {
		return tree, fmt.Errorf("checkpoint: size %q", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tree, fmt.Errorf("checkpoint: root %q", lines[2])
	}
	copy(tree.Hash[:], root)
	return tree, nil
}

// entries calls f with the bytes of every entry; bundles must hold no more.
func entries(t tiles, n int64, f func(i int64, entry []byte) error) error {
	for first := int64(0); first < n; first += 1 << height {
		w := n - first
		if w > 1<<height {
			w = 1 << height
		}
		tile := tlog.Tile{H: height, L: -1, N: first >> height, W: int(w)}
		data, err := os.ReadFile(t.file(tile))
		if err != nil {
			return err
		}
		for i := int64(0); i < w; i++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return fmt.Errorf("%s: cut short", tile.Path())
			}
			size := int(binary.BigEndian.Uint16(data))
			if err := f(first+i, data[2:2+size]); err != nil {
				return err
			}
			data = data[2+size:]
		}
		if len(data) != 0 {
			return fmt.Errorf("%s: bytes behind its last entry", tile.Path())
		}
	}
	return nil
}

// proofs makes and checks inclusion proofs, and consistency with older sizes.
func proofs(tree tlog.Tree, r tlog.HashReader, leaves []tlog.Hash, max int64) error {
	step := tree.N/max + 1
	for i := int64(0); i < tree.N; i += step {
		p, err := tlog.ProveRecord(tree.N, i, r)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(p, tree.N, tree.Hash, i, leaves[i]); err != nil {
			return fmt.Errorf("inclusion of %d: %v", i, err)
		}
	}
	for old := int64(1); old < tree.N; old += 4*step + 1 {
		hash, err := tlog.TreeHash(old, r)
		if err != nil {
			return err
		}
		p, err := tlog.ProveTree(tree.N, old, r)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(p, tree.N, tree.Hash, old, hash); err != nil {
			return fmt.Errorf("consistency with %d: %v", old, err)
		}
	}
	return nil
}

func check(dir string, max int64) error {
	tree, err := checkpoint(dir)
	if err != nil {
		return err
	}
	t := tiles{dir}
	r := tlog.TileHashReader(tree, t)
	if tree.N > 0 { // the library's hash of an empty tree is not RFC 6962's
		root, err := tlog.TreeHash(tree.N, r)
		if err != nil {
			return err
		}
		if root != tree.Hash {
			return fmt.Errorf("the tiles hash to %v", root)
		}
	}
	var leaves []tlog.Hash
	err = entries(t, tree.N, func(i int64, entry []byte) error {
		leaves = append(leaves, tlog.RecordHash(entry))
		return nil
	})
	if err != nil {
		return err
	}
	var indexes []int64
	for i := range leaves {
		indexes = append(indexes, tlog.StoredHashIndex(0, int64(i)))
	}
	stored, err := r.ReadHashes(indexes)
	if err != nil {
		return err
	}
	for i := range leaves {
		if !bytes.Equal(stored[i][:], leaves[i][:]) {
			return fmt.Errorf("entry %d is not that of its tile", i)
		}
	}
	if err := proofs(tree, r, leaves, max); err != nil {
		return err
	}
	fmt.Printf("OK %d %v\n", tree.N, tree.Hash)
	return nil
}

func main() {
	max := int64(64)
	if len(os.Args) == 3 {
		max, _ = strconv.ParseInt(os.Args[2], 10, 64)
	}
	if len(os.Args) < 2 || max < 1 {
		fmt.Fprintln(os.Stderr, "usage: tlogcheck LEDGER [MAX_PROOFS]")
		os.Exit(2)
	}
	if err := check(os.Args[1], max); err != nil {
		fmt.Fprintln(os.Stderr, "tlogcheck:", err)
		os.Exit(1)
	}
}
