/**
 * Owns how the memory of the CRC kernel is divided, in bytes.
 * Must not know: what computes over it.
 * Invariant: the parts do not overlap; the memory never grows, since growing would detach what was given out of it.
 */
const PAGE_BYTES = 65_536

/** Words of what is found of a frame: its header, its length, its id, and where it ends. */
export const FOUND_WORDS = 4
/** Frames that are found at once, at most. */
export const FOUND_MAX = 256

/**
 * The tables, the rest of a folded run, frames found (with room for a few more behind them), what is turned while they
 * are checked side by side, a place for bytes from elsewhere, and memory to give out.
 */
export const KERNEL_LAYOUT = {
  tablesAt: 0,
  tablesBytes: 16_384,
  restAt: 16_384,
  restBytes: 1024,
  foundAt: 20_480,
  foundBytes: FOUND_MAX * FOUND_WORDS * 4,
  lanesAt: 24_832,
  lanesBytes: 512,
  stageAt: 32_768,
  stageBytes: 32_768,
  arenaAt: PAGE_BYTES,
  arenaBytes: 4 * PAGE_BYTES,
  pages: 5,
} as const
