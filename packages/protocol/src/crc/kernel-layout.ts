/**
 * Owns how the memory of the CRC kernel is divided, in bytes.
 * Must not know: what computes over it.
 * Invariant: the parts do not overlap; the memory never grows, since growing would detach what was given out of it.
 */
const PAGE_BYTES = 65_536

/** The tables, the rest of a folded run, a place for bytes from elsewhere, and memory to give out. */
export const KERNEL_LAYOUT = {
  tablesAt: 0,
  tablesBytes: 16_384,
  restAt: 16_384,
  restBytes: 1024,
  stageAt: 32_768,
  stageBytes: 32_768,
  arenaAt: PAGE_BYTES,
  arenaBytes: 4 * PAGE_BYTES,
  pages: 5,
} as const
