/**
 * Owns the tables of CRC-32/ISO-HDLC (zlib, gzip, Ethernet, Go's crc32.IEEE).
 * Must not know: how they are used.
 * Invariant: table k, entry b: the CRC of byte b followed by k zero bytes (slicing-by-16), at 256 k + b.
 */
const POLYNOMIAL = 0xedb88320
const SLICES = 16

export const CRC_TABLES: Int32Array = buildTables()

function buildTables(): Int32Array {
  const tables = new Int32Array(256 * SLICES)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    tables[byte] = crc
  }
  for (let at = 256; at < tables.length; at++) {
    const shorter = tables[at - 256] as number
    tables[at] = (shorter >>> 8) ^ (tables[shorter & 255] as number)
  }
  return tables
}
