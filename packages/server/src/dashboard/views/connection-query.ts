/**
 * Owns how what is set in the view of connections becomes a question, and which of its pages is looked at.
 * Must not know: the DOM.
 * Invariant: the way to a page stands in the settings: where each page before it ended, so that the way back is known
 * after a reload too.
 */

export type Settings = Readonly<Record<string, string>>

export const SORTS = [
  ['age', 'Age'],
  ['idle', 'Idle'],
  ['bytes-in', 'Bytes in'],
  ['bytes-out', 'Bytes out'],
  ['frames-in', 'Frames in'],
  ['unsent', 'Unsent'],
  ['held', 'Held'],
  ['in-flight', 'In flight'],
  ['round-trip', 'Round trip'],
] as const

const SORT_DEFAULT = 'age'
const BETWEEN = '~'
const MS_PER_S = 1000
const KIB = 1024
const AS_THEY_ARE = ['worker', 'listener', 'address', 'state', 'identity', 'limit'] as const

/** The query of /api/connections. */
export function connectionParameters(settings: Settings): string {
  const query = new URLSearchParams({ sort: sortOf(settings), order: isAscending(settings) ? 'asc' : 'desc' })
  for (const name of AS_THEY_ARE) put(query, name, settings[name])
  put(query, 'idle-ms', scaled(settings['idle'], MS_PER_S))
  put(query, 'unsent-bytes', scaled(settings['unsent'], KIB))
  put(query, 'after', pagesOf(settings).at(-1))
  return query.toString()
}

export function sortOf(settings: Settings): string {
  return settings['sort'] ?? SORT_DEFAULT
}

export function isAscending(settings: Settings): boolean {
  return settings['order'] === 'asc'
}

/** Where the pages before this one ended. */
export function pagesOf(settings: Settings): readonly string[] {
  return settings['after']?.split(BETWEEN) ?? []
}

/** The change that leads to the next page. @param next what the daemon said of this one */
export function toNext(settings: Settings, next: string): Settings {
  return { after: [...pagesOf(settings), next].join(BETWEEN) }
}

export function toPrevious(settings: Settings): Settings {
  return { after: pagesOf(settings).slice(0, -1).join(BETWEEN) }
}

/** The change when the head of a column is pressed: most first, or the other way when it is sorted so already. */
export function toSort(settings: Settings, by: string): Settings {
  const isTurned = sortOf(settings) === by && !isAscending(settings)
  return { sort: by === SORT_DEFAULT ? '' : by, order: isTurned ? 'asc' : '', after: '' }
}

function put(query: URLSearchParams, name: string, value: string | undefined): void {
  if (value !== undefined && value !== '') query.set(name, value)
}

/** What is no number goes as it is: the daemon says what is wrong with it. */
function scaled(text: string | undefined, by: number): string | undefined {
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  return Number.isFinite(value) ? String(Math.round(value * by)) : text
}
