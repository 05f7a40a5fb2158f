/**
 * Every limit of the wire, in one place. Both sides enforce all of them; a peer that passes one loses the session.
 * PROTOCOL.md repeats the table for people; a test compares the two.
 *
 * @module
 */

const KiB = 1024;
const MiB = 1024 * KiB;

export const limits = Object.freeze({
  /** Payload bytes of a HELLO frame. */
  helloBytes: 1 * KiB,
  /** Payload bytes of an AUTH frame: a Kerberos token with a large PAC has up to 128 KiB. */
  authBytes: 128 * KiB,
  /** AUTH frames in each direction. */
  authFrames: 8,
  /** All bytes a peer may send before it is authenticated. */
  handshakeBytes: 512 * KiB,
  /** Pieces (WebSocket messages) in which they may come: each costs memory of its own. */
  handshakePieces: 4096,
  /** Milliseconds from the first byte to the keys, unless the caller says otherwise. */
  handshakeMs: 10_000,
  /** Payload bytes of an ALERT or RESET frame. */
  errorBytes: 8 * KiB,
  /** Characters of an error's sentence that are kept. */
  errorText: 4 * KiB,
  /** Characters of what a keeper says of a result, in a pointer. */
  statementText: 64 * KiB,
  /** Payload bytes of a MESSAGE frame. */
  messageBytes: 1 * MiB,
  /** Payload bytes of a START frame. */
  startBytes: 128 * KiB,
  /** Bytes of input lists that a session remembers, so that they need not be sent again. */
  dictionaryBytes: 512 * KiB,
  /** Content bytes of one DATA or BLOB frame: what one stream may send before the next one has its turn. */
  pieceBytes: 64 * KiB,
  /** Content bytes that may be on the way on one stream before the receiver gives credit. */
  streamWindow: 256 * KiB,
  /** Credit that may be outstanding at most, however much the receiver gives. */
  maxCredit: 16 * MiB,
  /** Streams that may be open at once in a session, blobs included. */
  streams: 1024,
  /** Blobs that may be on the way at once in a session. */
  blobs: 64,
  /** Bytes of one result: standard output, standard error and all outputs together. */
  resultBytes: 512 * MiB,
  /** Bytes of one blob. */
  blobBytes: 1024 * MiB,
  /** Bytes of a blob that may come packed. */
  packedBlobBytes: 1 * MiB,
  /** Bytes of a result that may come packed. */
  packedResultBytes: 16 * MiB,
  /** Frames such as WINDOW, RESET and PONG that may wait to be sent: a peer that asks but never reads passes it. */
  controlFrames: 4096,
  /** Bytes the transport may hold before the scheduler waits. */
  bufferedBytes: 1 * MiB,
  /** Bytes of one WebSocket message. */
  webSocketBytes: 256 * KiB,
  /** Fragments of one WebSocket message: this protocol never fragments. */
  webSocketFragments: 16,
  /** Chunks that may be buffered for one WebSocket message. */
  webSocketChunks: 8192,
  /** Frames a key may protect in one direction; far below where the 64-bit sequence wraps. */
  framesPerKey: 2 ** 48,
  /** Notices kept for a consumer that has not subscribed yet. */
  earlyNotices: 16,

  /** Bytes of a path. */
  pathBytes: 4096,
  /** Entries of an input tree. */
  treeEntries: 100_000,
  /** Components of a path. */
  treeDepth: 256,
  /** Bytes of an encoded tree. */
  treeBytes: 32 * MiB,
  /** Arguments of a command. */
  arguments: 4096,
  /** Bytes of one argument (MAX_ARG_STRLEN of Linux). */
  argumentBytes: 128 * KiB,
  /** Environment variables of a command. */
  environment: 256,
  /** Outputs a job may ask for. */
  outputs: 64,
  /** Digests in one `missing` message. */
  missing: 8192,
  /** Toolchains in a `welcome`. */
  toolchains: 1024,
});
