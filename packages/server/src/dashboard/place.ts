/**
 * Owns where somebody is in the page: the view, its filter and order, the connection that is looked at.
 * Must not know: views, the DOM beyond the address.
 * Invariant: all of it stands in the address behind `#`: a reload, a bookmark, and the browser's way back lead there.
 */

export const TABS = ['overview', 'connections', 'closed', 'config'] as const
export type Tab = (typeof TABS)[number]

export interface Place {
  readonly tab: Tab
  /** What the view is set to, by name; a value is never empty. */
  readonly settings: Readonly<Record<string, string>>
}

/** @param hash as the address has it */
export function placeOf(hash: string): Place {
  const [name = '', query = ''] = hash.replace(/^#/, '').split('?')
  const settings: Record<string, string> = {}
  for (const [key, value] of new URLSearchParams(query)) if (value !== '') settings[key] = value
  return { tab: TABS.find((tab) => tab === name) ?? 'overview', settings }
}

export function hashOf({ tab, settings }: Place): string {
  const query = new URLSearchParams(Object.entries(settings).filter(([, value]) => value !== '')).toString()
  return query === '' ? `#${tab}` : `#${tab}?${query}`
}

/** With these changed; an empty value takes one away. */
export function changed(place: Place, changes: Readonly<Record<string, string>>): Place {
  const settings = Object.entries({ ...place.settings, ...changes }).filter(([, value]) => value !== '')
  return { tab: place.tab, settings: Object.fromEntries(settings) }
}
