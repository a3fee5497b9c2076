package bulk

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"vidimus/internal/problem"
)

// ErrFile: the file is not the one of the manifest.
var ErrFile = errors.New("file is not that of its manifest")

// Survey reads a file and gives the blocks for its manifest, of lines lines
// each (0: DefaultBlockLines), fewer where they would grow beyond MaxBlock. It
// looks at no line but for its end: what is in it is for the importer to
// judge.
func Survey(r io.Reader, lines int) ([]Block, error) {
	if lines <= 0 {
		lines = DefaultBlockLines
	}
	lines = min(lines, MaxBlockLines)
	var blocks []Block
	in := bufio.NewReaderSize(r, MaxLine)
	block, hash := Block{}, sha256.New()
	end := func() {
		if block.Lines > 0 {
			block.Digest = [32]byte(hash.Sum(nil))
			blocks = append(blocks, block)
			hash.Reset()
			block = Block{}
		}
	}
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("line %d has more than %d octets", n, MaxLine)
		case err == io.EOF && len(line) == 0:
			end()
			return blocks, nil
		case err == io.EOF:
			return nil, fmt.Errorf("line %d does not end with a newline", n)
		case err != nil:
			return nil, fmt.Errorf("reading the file: %w", err)
		}
		if block.Lines == lines || block.Bytes+int64(len(line)) > MaxBlock {
			end()
		}
		hash.Write(line)
		block.Lines++
		block.Bytes += int64(len(line))
	}
}

// skipBlocks leaves n blocks behind.
func skipBlocks(r io.Reader, blocks []Block, n int) error {
	var size int64
	for _, b := range blocks[:n] {
		size += b.Bytes
	}
	if size == 0 {
		return nil
	}
	if s, ok := r.(io.Seeker); ok {
		if _, err := s.Seek(size, io.SeekCurrent); err == nil {
			return nil
		}
	}
	if _, err := io.CopyN(io.Discard, r, size); err != nil {
		return fmt.Errorf("%w: reading it: %w", ErrFile, err)
	}
	return nil
}

// readBlock reads block i and gives its lines, without their newlines, once
// its octets are those of the manifest. Behind the last block nothing may
// follow.
func readBlock(r io.Reader, blocks []Block, i int) ([][]byte, error) {
	b := blocks[i]
	text := make([]byte, b.Bytes)
	if _, err := io.ReadFull(r, text); err != nil {
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, problem.Wrap(problem.InvalidRequest, ErrFile, "the file ends within block %d", i)
		}
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	if digest := sha256.Sum256(text); subtle.ConstantTimeCompare(digest[:], b.Digest[:]) != 1 {
		return nil, problem.Wrap(problem.InvalidRequest, ErrFile, "block %d has another digest than the manifest says", i)
	}
	lines := bytes.Split(text, []byte{'\n'})
	if n := len(lines) - 1; n != b.Lines || len(lines[n]) != 0 {
		return nil, problem.Wrap(problem.InvalidRequest, ErrFile, "block %d has not the lines that the manifest says", i)
	}
	if i == len(blocks)-1 {
		var more [1]byte
		if n, _ := io.ReadFull(r, more[:]); n != 0 {
			return nil, problem.Wrap(problem.InvalidRequest, ErrFile, "the file goes on after its last block")
		}
	}
	return lines[:b.Lines], nil
}
