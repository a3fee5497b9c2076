package issuer

// ballastSize is by how much the heap may grow between two collections in an
// office that holds little itself. It is made in pieces: what the allocator gives
// again it clears, and so touches, piece by piece.
const (
	ballastSize  = 256 << 20
	ballastPiece = 4 << 20
)

// Ballast is memory that is never touched, and so takes none: the collector,
// which waits until what is used has doubled, counts it. An office that takes
// thousands of events a second makes a hundred times of what it holds, and would
// spend a fifth of its time on collections. A program that serves keeps it
// alive; it costs at most twice its size in memory, however large the office
// grows.
func Ballast() [][]byte {
	pieces := make([][]byte, ballastSize/ballastPiece)
	for i := range pieces {
		pieces[i] = make([]byte, ballastPiece)
	}
	return pieces
}
