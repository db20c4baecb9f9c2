/**
 * Owns the colours: light, dark, or as the system has them.
 * Must not know: what they are.
 */
import { find, setAttribute } from './dom.ts'
import { keepTheme, keptTheme, type Theme } from './kept.ts'

const NEXT: Readonly<Record<Theme, Theme>> = { auto: 'dark', dark: 'light', light: 'auto' }
const SIGNS: Readonly<Record<Theme, string>> = { auto: '◐', dark: '●', light: '○' }
const WORDS: Readonly<Record<Theme, string>> = { auto: 'as the system', dark: 'dark', light: 'light' }

/** @param onChange the colours are others now @returns takes the next theme */
export function followTheme(onChange: () => void): () => void {
  const toggle = find('theme', HTMLButtonElement)
  let theme = keptTheme()
  const show = (): void => {
    setAttribute(document.documentElement, 'data-theme', theme === 'auto' ? undefined : theme)
    toggle.textContent = SIGNS[theme]
    setAttribute(toggle, 'aria-label', `Colours: ${WORDS[theme]}`)
    setAttribute(toggle, 'title', `Colours: ${WORDS[theme]}`)
  }
  const next = (): void => {
    theme = NEXT[theme]
    keepTheme(theme)
    show()
    onChange()
  }
  show()
  toggle.addEventListener('click', next)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', onChange)
  return next
}
