/**
 * Owns a table of rows that change by the second: rows keep their element, their focus and their place as long as they
 * are there.
 * Must not know: what the rows are.
 * Invariant: one row is reached by Tab, the others from there by the arrow keys. Roles are told in words, since a
 * phone lays the same rows out as cards, and browsers forget then that it is a table.
 */
import { button, element, setAttribute, setChildren, setClass, setText } from './dom.ts'

export interface TableColumn<Row> {
  /** Also the class of its cells: `c-NAME`. */
  readonly name: string
  readonly title: string
  readonly text: (row: Row) => string
  /** What it is sorted by when its head is pressed. */
  readonly sort?: string
  readonly isNumber?: true
  /** A class for what is to be seen at once: good, warn, bad, quiet. */
  readonly tone?: (row: Row) => string
  /** Left out where there is little room. */
  readonly isMinor?: true
}

export interface TableSpec<Row> {
  readonly label: string
  readonly columns: readonly TableColumn<Row>[]
  readonly keyOf: (row: Row) => string
  /** What is said instead of rows. */
  readonly empty: string
  /** The first cell of each row opens it. */
  readonly onOpen?: (row: Row) => void
  readonly onSort?: (by: string) => void
}

interface Shown<Row> {
  row: Row
  readonly root: HTMLTableRowElement
  readonly cells: readonly HTMLTableCellElement[]
  readonly opener: HTMLButtonElement | undefined
}

export class Table<Row> {
  readonly root: HTMLElement
  readonly #spec: TableSpec<Row>
  readonly #body = element('tbody', { role: 'rowgroup' })
  readonly #empty: HTMLParagraphElement
  readonly #heads = new Map<string, HTMLTableCellElement>()
  #shown = new Map<string, Shown<Row>>()
  #current: string | undefined

  constructor(spec: TableSpec<Row>) {
    this.#spec = spec
    this.#empty = element('p', { class: 'empty' }, spec.empty)
    const head = element('tr', { role: 'row' }, ...spec.columns.map((column) => this.#head(column)))
    const table = element(
      'table',
      { role: 'table', 'aria-label': spec.label },
      element('thead', { role: 'rowgroup' }, head),
      this.#body,
    )
    this.root = element('div', { class: 'scroll' }, table, this.#empty)
    this.#body.addEventListener('keydown', (event) => this.#onKey(event))
  }

  /** In this order. */
  update(rows: readonly Row[]): void {
    const shown = new Map<string, Shown<Row>>()
    for (const row of rows) {
      const key = this.#spec.keyOf(row)
      const one = this.#shown.get(key) ?? this.#create(row, key)
      one.row = row
      this.#fill(one)
      shown.set(key, one)
    }
    this.#shown = shown
    setChildren(
      this.#body,
      [...shown.values()].map(({ root }) => root),
    )
    this.#empty.hidden = rows.length > 0
    setClass(this.root, 'is-empty', rows.length === 0)
    if (this.#current === undefined || !shown.has(this.#current)) this.#current = shown.keys().next().value
    for (const [key, { opener }] of shown) if (opener !== undefined) opener.tabIndex = key === this.#current ? 0 : -1
  }

  /** What it is sorted by, for its heads to say. */
  sorted(by: string, isAscending: boolean): void {
    for (const [sort, head] of this.#heads) {
      setAttribute(head, 'aria-sort', sort !== by ? 'none' : isAscending ? 'ascending' : 'descending')
    }
  }

  /** The row that Tab leads to gets the focus. */
  focus(): void {
    if (this.#current !== undefined) this.#shown.get(this.#current)?.opener?.focus()
  }

  #head(column: TableColumn<Row>): HTMLTableCellElement {
    const { title, sort } = column
    const cell = element('th', { role: 'columnheader', scope: 'col', class: classOf(column) })
    const { onSort } = this.#spec
    if (sort === undefined || onSort === undefined) cell.append(title)
    else {
      cell.append(button({ class: 'sorter' }, title, () => onSort(sort)))
      this.#heads.set(sort, cell)
    }
    return cell
  }

  #create(row: Row, key: string): Shown<Row> {
    const { columns, onOpen } = this.#spec
    const cells = columns.map((column) => {
      return element('td', { role: 'cell', class: classOf(column), 'data-title': column.title })
    })
    const root = element('tr', { role: 'row' }, ...cells)
    if (onOpen === undefined) return { row, root, cells, opener: undefined }
    const open = (): void => {
      this.#current = key
      const now = this.#shown.get(key)
      if (now !== undefined) onOpen(now.row)
    }
    const opener = button({ class: 'opener' }, '', open)
    opener.addEventListener('focus', () => this.#enter(key))
    cells[0]?.append(opener)
    root.classList.add('opens')
    root.addEventListener('click', ({ target }) => {
      // Whoever selects text to copy it wants no details.
      if (target !== opener && getSelection()?.isCollapsed !== false) open()
    })
    return { row, root, cells, opener }
  }

  #fill({ row, cells, opener }: Shown<Row>): void {
    for (const [index, column] of this.#spec.columns.entries()) {
      const cell = cells[index]
      if (cell === undefined) continue
      setText(index === 0 && opener !== undefined ? opener : cell, column.text(row))
      if (column.tone !== undefined) setAttribute(cell, 'data-tone', column.tone(row))
    }
  }

  #enter(key: string): void {
    const before = this.#current === undefined ? undefined : this.#shown.get(this.#current)
    if (before?.opener !== undefined) before.opener.tabIndex = -1
    this.#current = key
    const now = this.#shown.get(key)
    if (now?.opener !== undefined) now.opener.tabIndex = 0
  }

  #onKey(event: KeyboardEvent): void {
    const keys = [...this.#shown.keys()]
    const at = keys.indexOf(this.#current ?? '')
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: keys.length - 1,
    }
    const to = steps[event.key]
    if (to === undefined) return
    event.preventDefault()
    const key = keys[Math.min(Math.max(to, 0), keys.length - 1)]
    if (key !== undefined) this.#shown.get(key)?.opener?.focus()
  }
}

function classOf<Row>({ name, isNumber, isMinor }: TableColumn<Row>): string {
  return [`c-${name}`, ...(isNumber === true ? ['number'] : []), ...(isMinor === true ? ['minor'] : [])].join(' ')
}
