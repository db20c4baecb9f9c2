/**
 * Owns reading Prometheus' text format strictly: whatever breaks a rule of the format, or of its naming conventions
 * (those of `promtool check metrics`), throws.
 * Must not know: which metrics there are.
 */

export interface Sample {
  /** With `_bucket`, `_sum` or `_count` where it is a histogram's. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface MetricFamily {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: readonly Sample[]
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)$/
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/
const VALUE = /^([+-]?(\d+(\.\d+)?|\.\d+)(e[+-]?\d+)?|[+-]Inf|NaN)$/
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped']
/** Units that stand for a base unit, and abbreviations. */
const BAD_UNITS =
  /_(milliseconds|ms|microseconds|us|nanoseconds|minutes|hours|days|kilobytes|kb|megabytes|mb|bits|percent|secs?)(_|$)/

/** @throws Error that says which line breaks which rule */
export function parseExposition(text: string): ReadonlyMap<string, MetricFamily> {
  const families = new Map<string, { name: string; type: string; help: string; samples: Sample[] }>()
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  let current: { name: string; type: string; help: string; samples: Sample[] } | undefined
  for (const [index, line] of text.slice(0, -1).split('\n').entries()) {
    const fail = (why: string): never => {
      throw new Error(`line ${index + 1}: ${why}: ${line}`)
    }
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? []
    if (keyword === 'HELP') {
      if (families.has(name)) fail('a second HELP')
      if (!NAME.test(name)) fail('no name of a metric')
      if (rest === '') fail('no help')
      current = { name, type: '', help: rest, samples: [] }
      families.set(name, current)
    } else if (keyword === 'TYPE') {
      if (current?.name !== name || current.type !== '') fail('a TYPE that does not follow its HELP')
      if (!TYPES.includes(rest)) fail('no type of a metric')
      if (current !== undefined) current.type = rest
    } else {
      const sample = parseSample(line) ?? fail('no sample')
      const family = current ?? fail('a sample without HELP')
      if (familyOf(sample.name, family.type) !== family.name) fail('a sample away from its metric')
      family.samples.push(sample)
    }
  }
  for (const family of families.values()) checkFamily(family)
  return families
}

/** The one sample with these labels among others; throws when there is none, or more than one. */
export function sampleOf(
  families: ReadonlyMap<string, MetricFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const found = samplesOf(families, name, labels)
  if (found.length !== 1) throw new Error(`${found.length} samples of ${name} with ${JSON.stringify(labels)}`)
  return found[0]?.value ?? Number.NaN
}

/** All samples of a name that have these labels among others. */
export function samplesOf(
  families: ReadonlyMap<string, MetricFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): readonly Sample[] {
  const samples = [...families.values()].flatMap((family) => family.samples).filter((sample) => sample.name === name)
  return samples.filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
}

/** What went down, though it is counted: each as a sentence. */
export function shrunkCounters(
  before: ReadonlyMap<string, MetricFamily>,
  after: ReadonlyMap<string, MetricFamily>,
): readonly string[] {
  const counted = (families: ReadonlyMap<string, MetricFamily>): Map<string, number> => {
    const samples = [...families.values()].filter(({ type }) => type === 'counter' || type === 'histogram')
    return new Map(samples.flatMap((family) => family.samples.map((sample) => [keyOf(sample), sample.value] as const)))
  }
  const now = counted(after)
  return [...counted(before)].flatMap(([key, value]) => {
    const then = now.get(key)
    return then !== undefined && then >= value ? [] : [`${key} was ${value} and is ${then ?? 'gone'}`]
  })
}

function parseSample(line: string): Sample | undefined {
  const [, name, braces = '', valueText = ''] = SAMPLE.exec(line) ?? []
  const labels = parseLabels(braces)
  if (name === undefined || labels === undefined || !VALUE.test(valueText)) return undefined
  return { name, labels, value: Number(valueText.replace('Inf', 'Infinity')) }
}

function parseLabels(braces: string): Record<string, string> | undefined {
  const labels: Record<string, string> = {}
  for (let rest = braces.slice(1, -1); rest !== '';) {
    const [all = '', label = '', value = ''] = LABEL.exec(rest) ?? []
    if (all === '' || label in labels) return undefined
    labels[label] = value.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
    rest = rest.slice(all.length)
  }
  return labels
}

function familyOf(sample: string, type: string): string {
  return type === 'histogram' ? sample.replace(/_(bucket|sum|count)$/, '') : sample
}

function keyOf({ name, labels }: Sample): string {
  const texts = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`)
  return `${name}{${texts.toSorted().join(',')}}`
}

function checkFamily({ name, type, samples }: MetricFamily): void {
  const fail = (why: string): never => {
    throw new Error(`${name}: ${why}`)
  }
  if (type === '') fail('no TYPE')
  if (samples.length === 0) fail('no samples')
  if ((type === 'counter') !== name.endsWith('_total')) fail('counters end in _total, and nothing else does')
  if (/_(bucket|sum|count)$/.test(name)) fail('that ending is of histograms')
  if (/[A-Z:]/.test(name)) fail('names are in lower case, without colons')
  if (BAD_UNITS.test(name)) fail('not in base units')
  if (new Set(samples.map(keyOf)).size !== samples.length) fail('two samples with the same labels')
  if (type === 'counter' && samples.some(({ value }) => value < 0)) fail('a counter below 0')
  if (type === 'histogram') checkHistogram(samples, fail)
}

function checkHistogram(samples: readonly Sample[], fail: (why: string) => never): void {
  const series = Map.groupBy(samples, ({ labels }) => JSON.stringify({ ...labels, le: '' }))
  for (const own of series.values()) {
    const buckets = own.filter((sample) => sample.name.endsWith('_bucket'))
    const bounds = buckets.map(({ labels }) => Number((labels['le'] ?? '').replace('Inf', 'Infinity')))
    if (bounds.some((bound, index) => !(bound > (bounds[index - 1] ?? -Infinity)))) fail('buckets out of order')
    if (buckets.some(({ value }, index) => value < (buckets[index - 1]?.value ?? 0))) fail('buckets that go down')
    if (bounds.at(-1) !== Infinity) fail('no +Inf bucket')
    const count = own.filter((sample) => sample.name.endsWith('_count'))
    if (count.length !== 1 || count[0]?.value !== buckets.at(-1)?.value) fail('a _count that is not the last bucket')
    if (own.filter((sample) => sample.name.endsWith('_sum')).length !== 1) fail('not one _sum')
  }
}
