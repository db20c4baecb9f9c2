/**
 * Owns numbers for people: bytes, durations, counts, parts, in a few characters.
 * Must not know: what they count. It runs in a shell and in a browser alike.
 */

const KIB = 1024
const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const
const COUNT_UNITS = ['', 'k', 'M', 'G'] as const
const THOUSAND = 1000
const MINUTE_S = 60
const HOUR_S = 3600
const DAY_S = 86_400

/** `1.5 MiB` */
export function bytesText(bytes: number): string {
  return scaled(bytes, KIB, BYTE_UNITS)
}

/** `12.3 k` */
export function countText(count: number): string {
  return scaled(count, THOUSAND, COUNT_UNITS)
}

/** A duration in seconds: `120 µs`, `3.5 ms`, `12 s`. */
export function secondsText(seconds: number | undefined): string {
  if (seconds === undefined) return '-'
  if (seconds < 0.001) return `${short(seconds * 1e6)} µs`
  return seconds < 1 ? `${short(seconds * 1e3)} ms` : `${short(seconds)} s`
}

/**
 * A duration in seconds that is read out of a histogram: `4 ms`. Its buckets end at 1, 2, 5, 10, 20 ..., so that of an
 * estimate the first digit is all there is, and nothing of what is below the first bucket's end.
 * @param none where nothing was counted
 */
export function estimateText(seconds: number | undefined, none = '-'): string {
  if (seconds === undefined) return none
  return seconds < 1e-6 ? '< 1 µs' : secondsText(Number(seconds.toPrecision(1)))
}

/** How long something lasts: `3 d 4 h`, `5 min 6 s`. */
export function spanText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < MINUTE_S) return `${whole} s`
  if (whole < HOUR_S) return `${Math.floor(whole / MINUTE_S)} min ${whole % MINUTE_S} s`
  if (whole < DAY_S) return `${Math.floor(whole / HOUR_S)} h ${Math.floor((whole % HOUR_S) / MINUTE_S)} min`
  return `${Math.floor(whole / DAY_S)} d ${Math.floor((whole % DAY_S) / HOUR_S)} h`
}

/** A part of the whole: `42 %`. */
export function percentText(part: number): string {
  return `${Math.round(part * 100)} %`
}

function scaled(value: number, step: number, units: readonly string[]): string {
  let unit = 0
  let left = value
  while (Math.abs(left) >= step && unit < units.length - 1) {
    left /= step
    unit++
  }
  return `${unit === 0 ? String(Math.round(left * 10) / 10) : short(left)} ${units[unit]}`.trimEnd()
}

/** Three digits. */
function short(value: number): string {
  if (value >= 100) return String(Math.round(value))
  return String(Math.round(value * 10) / 10)
}
