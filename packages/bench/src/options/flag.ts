/**
 * Owns what a flag of a command is: its name, what it takes, what it means, and the check of its value.
 * Must not know: commands, where values come from.
 * Invariant: every flag has an example that is itself valid, and the help, the defaults and the messages about wrong
 * values all come from here.
 */

export interface Flag<T> {
  /** Placeholder in the help; empty for a switch. */
  readonly value: string
  /** What stands for it when nobody says anything; undefined for nothing. */
  readonly fallback: string | undefined
  /** What a value must be. */
  readonly expected: string
  readonly example: string
  readonly help: string
  /** Whether it may come more than once. */
  readonly isList: boolean
  /** The value of the texts given, of the fallback's where there are none; undefined for a wrong one. */
  readonly read: (texts: readonly string[]) => Read<T> | undefined
}

/** A value that was read: in an object, since undefined is a value too. */
export interface Read<T> {
  readonly value: T
}

/** The flags of a command by name in camel case: `payloadBytes` is `--payload-bytes`. */
export type FlagTable = Readonly<Record<string, Flag<unknown>>>

export type FlagValues<Table extends FlagTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Flag<infer T> ? T : never
}

export interface FlagText {
  readonly value: string
  readonly expected: string
  readonly example: string
  readonly help: string
}

/** A flag with a default. @param parse undefined for a wrong text */
export function flag<T>(text: FlagText, fallback: string, parse: (text: string) => T | undefined): Flag<T> {
  return {
    ...text,
    fallback,
    isList: false,
    read: (texts) => {
      const value = parse(texts.at(-1) ?? fallback)
      return value === undefined ? undefined : { value }
    },
  }
}

/** A flag that may be left out. */
export function optional<T>(text: FlagText, parse: (text: string) => T | undefined): Flag<T | undefined> {
  return {
    ...text,
    fallback: undefined,
    isList: false,
    read: (texts) => {
      const last = texts.at(-1)
      if (last === undefined) return { value: undefined }
      const value = parse(last)
      return value === undefined ? undefined : { value }
    },
  }
}

/** A flag that may come any number of times. */
export function list<T>(text: FlagText, parse: (text: string) => T | undefined): Flag<readonly T[]> {
  return {
    ...text,
    fallback: undefined,
    isList: true,
    read: (texts) => {
      const values = texts.map(parse)
      return values.includes(undefined) ? undefined : { value: values.filter((value) => value !== undefined) }
    },
  }
}

/** A flag without a value. */
export function toggle(name: string, help: string): Flag<boolean> {
  return {
    value: '',
    fallback: undefined,
    expected: 'no value',
    example: `--${name}`,
    help,
    isList: false,
    read: (texts) => ({ value: texts.length > 0 && texts.at(-1) !== 'false' }),
  }
}

/** A whole number in a range. */
export function whole(
  min: number,
  max: number,
  fallback: string,
  help: string,
  value = 'N',
  example = fallback,
): Flag<number> {
  const expected = `a whole number from ${min} to ${max}`
  return flag({ value, expected, example, help }, fallback, (text) => wholeOf(text, min, max))
}

/** Seconds in a range, as milliseconds. */
export function secondsAsMs(min: number, max: number, fallback: string, help: string): Flag<number> {
  const expected = `seconds from ${min} to ${max}`
  return flag({ value: 'S', expected, example: fallback, help }, fallback, (text) => {
    const seconds = decimalOf(text, min, max)
    return seconds === undefined ? undefined : Math.round(seconds * 1_000_000) / 1000
  })
}

/** A decimal number in a range. */
export function decimal(min: number, max: number, fallback: string, help: string, value = 'X'): Flag<number> {
  const expected = `a number from ${min} to ${max}`
  return flag({ value, expected, example: fallback, help }, fallback, (text) => decimalOf(text, min, max))
}

/** One of some words, which its help tells. */
export function choice<T extends string>(words: readonly T[], fallback: T, about: string, value: string): Flag<T> {
  const expected = alternatives(words)
  const help = `${expected}: ${about}`
  return flag({ value, expected, example: fallback, help }, fallback, (text) => words.find((word) => word === text))
}

/** Words, the last two with an "or" between. */
export function alternatives(words: readonly (string | number)[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

/** Any text that is not empty. */
export function fileName(help: string, example: string): Flag<string | undefined> {
  return optional({ value: 'FILE', expected: 'a file name', example, help }, (text) => (text === '' ? undefined : text))
}

export function wholeOf(text: string, min: number, max: number): number | undefined {
  const value = Number(text)
  return /^\d+$/.test(text) && value >= min && value <= max ? value : undefined
}

export function decimalOf(text: string, min: number, max: number): number | undefined {
  const value = Number(text)
  return /^\d+(\.\d+)?$/.test(text) && value >= min && value <= max ? value : undefined
}

/** `payloadBytes` as it is written: `payload-bytes`. */
export function writtenName(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
