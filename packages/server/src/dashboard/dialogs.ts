/**
 * Owns asking somebody: to confirm an act, or for a token.
 * Must not know: what is confirmed, what a token is for.
 * Invariant: a dialog is modal: it holds the focus, Escape ends it as if nothing had been asked, and the focus goes
 * back to where it was.
 */
import { button, element, setAttribute, setText } from './dom.ts'

export interface Choice<Value> {
  readonly text: string
  readonly value: Value
  readonly isDanger?: true
}

/** @returns undefined when it was dismissed */
export async function confirm<Value>(
  title: string,
  paragraphs: readonly string[],
  choices: readonly Choice<Value>[],
): Promise<Value | undefined> {
  const dialog = create(title)
  const chosen = Promise.withResolvers<Value | undefined>()
  const buttons = choices.map(({ text, value, isDanger }) => {
    return button({ class: isDanger === true ? 'danger' : 'primary' }, text, () => {
      chosen.resolve(value)
      dialog.close()
    })
  })
  const cancel = button({}, 'Cancel', () => dialog.close())
  dialog.append(
    ...paragraphs.map((text) => element('p', {}, text)),
    element('div', { class: 'choices' }, cancel, ...buttons),
  )
  show(dialog, () => chosen.resolve(undefined))
  return await chosen.promise
}

/** @param check rejects with what is wrong with a token @returns the token; undefined when it was dismissed */
export async function askToken(why: string, check: (token: string) => Promise<void>): Promise<string | undefined> {
  const dialog = create('Token')
  const given = Promise.withResolvers<string | undefined>()
  const input = element('input', { type: 'password', autocomplete: 'off', required: '', spellcheck: 'false' })
  const wrong = element('p', { class: 'wrong', role: 'alert' })
  const submit = element('button', { type: 'submit', class: 'primary' }, 'Use it')
  const form = element(
    'form',
    {},
    element('p', {}, why),
    element('label', { class: 'field wide' }, 'Token', input),
    element('p', { class: 'note' }, 'Kept in this tab until it is closed, and sent to this daemon alone.'),
    wrong,
    element(
      'div',
      { class: 'choices' },
      button({}, 'Cancel', () => dialog.close()),
      submit,
    ),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const token = input.value.trim()
    submit.disabled = true
    check(token).then(
      () => {
        given.resolve(token)
        dialog.close()
      },
      (error: unknown) => {
        submit.disabled = false
        setText(wrong, error instanceof Error ? error.message : String(error))
        input.select()
      },
    )
  })
  dialog.append(form)
  show(dialog, () => given.resolve(undefined))
  input.focus()
  return await given.promise
}

/** With a title, and without anything else yet. */
export function create(title: string, kind = 'box'): HTMLDialogElement {
  const dialog = element('dialog', { class: kind })
  const head = element('h2', {}, title)
  head.id = `dialog-${++made}`
  setAttribute(dialog, 'aria-labelledby', head.id)
  dialog.append(head)
  return dialog
}

let made = 0

/** @param onClose when it is closed, whoever does */
export function show(dialog: HTMLDialogElement, onClose: () => void): void {
  const before = document.activeElement
  document.body.append(dialog)
  dialog.addEventListener('click', ({ target }) => {
    // The backdrop belongs to the dialog; what is in it lies on an element of its own.
    if (target === dialog) dialog.close()
  })
  dialog.addEventListener('close', () => {
    dialog.remove()
    if (before instanceof HTMLElement && before.isConnected) before.focus()
    onClose()
  })
  dialog.showModal()
}
