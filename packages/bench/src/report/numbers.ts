/**
 * Owns how numbers look for people.
 * Must not know: what they count.
 * Invariant: the same on every machine, whatever its locale.
 */

/** Thousands set apart: 1,234,567.8 */
export function grouped(value: number): string {
  return value.toLocaleString('en-US')
}

/** Bytes as megabytes of 10^6 with a digit behind the point. */
export function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 })
}

/** Microseconds as seconds. */
export function seconds(us: number): string {
  return `${(us / 1_000_000).toFixed(2)} s`
}

const TEXT_COLUMNS = 100

/** Breaks a paragraph into lines of up to TEXT_COLUMNS, at its spaces. */
export function wrapped(paragraph: string, indent = ''): string {
  const lines: string[] = []
  let line = ''
  for (const word of paragraph.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > TEXT_COLUMNS) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].join(`\n${indent}`)
}
