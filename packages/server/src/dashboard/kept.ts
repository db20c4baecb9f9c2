/**
 * Owns what outlives the page: the token and the place in this tab, the colours in this browser.
 * Must not know: what they are for.
 * Invariant: a browser that keeps nothing (private, or told so) loses comfort and nothing else. The token is kept for
 * the tab alone, never on disk for later.
 */

const TOKEN = 'shardwire-token'
const THEME = 'shardwire-theme'
const SCROLL = 'shardwire-scroll-'

export function keptToken(): string | undefined {
  return read(() => sessionStorage, TOKEN)
}

export function keepToken(token: string | undefined): void {
  write(() => sessionStorage, TOKEN, token)
}

export type Theme = 'auto' | 'light' | 'dark'

export function keptTheme(): Theme {
  const theme = read(() => localStorage, THEME)
  return theme === 'light' || theme === 'dark' ? theme : 'auto'
}

export function keepTheme(theme: Theme): void {
  write(() => localStorage, THEME, theme === 'auto' ? undefined : theme)
}

/** How far down a view was. */
export function keptScroll(view: string): number {
  return Number(read(() => sessionStorage, SCROLL + view) ?? 0)
}

export function keepScroll(view: string, top: number): void {
  write(() => sessionStorage, SCROLL + view, String(Math.round(top)))
}

const missing = new Map<string, string>()

function read(storage: () => Storage, key: string): string | undefined {
  try {
    return storage().getItem(key) ?? undefined
  } catch {
    // Storage is forbidden here: what was kept is only in this page.
    return missing.get(key)
  }
}

function write(storage: () => Storage, key: string, value: string | undefined): void {
  try {
    if (value === undefined) storage().removeItem(key)
    else storage().setItem(key, value)
  } catch {
    if (value === undefined) missing.delete(key)
    else missing.set(key, value)
  }
}
