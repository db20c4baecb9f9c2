/**
 * Owns reading the colours of the style sheet, as they are now: canvases have no style of their own.
 * Must not know: what is drawn.
 */
import { element } from '../dom.ts'

export interface Colours {
  /** The colour of a token: `--c1`. */
  of(token: string): string
  /** A colour of the heat ramp. @param part 0 to 1 */
  heat(part: number): string
}

const RAMP = ['--heat0', '--heat1', '--heat2', '--heat3']

export function readColours(): Colours {
  const probe = element('span', { hidden: '' })
  document.body.append(probe)
  const of = (token: string): string => {
    probe.style.color = `var(${token})`
    return getComputedStyle(probe).color
  }
  const known = new Map<string, string>()
  for (const token of [...RAMP, ...TOKENS]) known.set(token, of(token))
  probe.remove()
  const stops = RAMP.map((token) => channels(known.get(token) ?? ''))
  return {
    of: (token) => known.get(token) ?? 'gray',
    heat: (part) => mixed(stops, part),
  }
}

const TOKENS = ['--text', '--muted', '--line', '--line-soft', '--card', '--c1', '--c2', '--c3', '--c4', '--c5']
TOKENS.push('--fill1')

/** `rgb(1, 2, 3)` into its numbers. */
function channels(colour: string): readonly number[] {
  return (colour.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number)
}

function mixed(stops: readonly (readonly number[])[], part: number): string {
  const at = Math.min(Math.max(part, 0), 0.9999) * (stops.length - 1)
  const [from = [], to = []] = [stops[Math.floor(at)], stops[Math.floor(at) + 1]]
  const share = at - Math.floor(at)
  return `rgb(${from.map((one, index) => Math.round(one + ((to[index] ?? one) - one) * share)).join(',')})`
}
