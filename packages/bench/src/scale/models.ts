/**
 * Owns the laws of scaling that throughput is held against, and fitting them.
 * Must not know: what is scaled, how it was measured.
 * Invariant: no parameter is below 0; a model with more parameters than points is not fitted. None is called the best
 * that was not put to the test by a size more than it has parameters, or that says less than the mean of all points.
 *
 *     linear   X(N) = a N
 *     Amdahl   X(N) = a N / (1 + s (N - 1))                    s: the part that only one can do at a time
 *     USL      X(N) = a N / (1 + s (N - 1) + k N (N - 1))      k: what each costs every other
 */
import { levenbergMarquardt } from 'ml-levenberg-marquardt'

/** What was measured with so many: workers, connections. */
export interface Point {
  readonly size: number
  readonly perSecond: number
}

export const MODEL_NAMES = ['linear', 'amdahl', 'usl'] as const
export type ModelName = (typeof MODEL_NAMES)[number]

export interface Parameters {
  /** Throughput of one. */
  readonly each: number
  readonly serial: number
  readonly crosstalk: number
}

export interface Fit {
  readonly model: ModelName
  readonly parameters: Parameters
  /** Part of the variance that it explains, 1 for all; 0 or less when the mean says as much, or there is none. */
  readonly explained: number
  /** Corrected Akaike criterion: the smaller, the better, for any number of parameters; null with too few points. */
  readonly criterion: number | null
}

/** The best law, or null and why there is none, as a part of a sentence. */
export interface Best {
  readonly fit: Fit | null
  readonly why: string
}

const COUNTS: Readonly<Record<ModelName, number>> = { linear: 1, amdahl: 2, usl: 3 }
/** Below these not even the law with one parameter has a criterion, or is put to the test. */
const LINE_RUNS_MIN = 4
const LINE_SIZES_MIN = 2
const ITERATIONS = 400
const DAMPING = 0.01
/** Where fits begin: none is far from one of these. */
const STARTS = [
  [0.001, 1e-6],
  [0.05, 0.0005],
  [0.3, 0.01],
] as const

export function throughputOf({ each, serial, crosstalk }: Parameters, size: number): number {
  return (each * size) / (1 + serial * (size - 1) + crosstalk * size * (size - 1))
}

/** Null with fewer different sizes than the model has parameters. */
export function fit(model: ModelName, points: readonly Point[]): Fit | null {
  const sizes = new Set(points.map(({ size }) => size))
  if (sizes.size < COUNTS[model]) return null
  const parameters = model === 'linear' ? fitLinear(points) : fitCurve(model, points)
  const errors = points.map(({ size, perSecond }) => perSecond - throughputOf(parameters, size))
  const squares = errors.reduce((sum, error) => sum + error * error, 0)
  const spread = spreadOf(points)
  return {
    model,
    parameters,
    explained: spread === 0 ? 0 : 1 - squares / spread,
    criterion: criterionOf(squares, points.length, COUNTS[model]),
  }
}

/**
 * The law with the smallest criterion, of those that were put to the test: any law goes through as many sizes as it
 * has parameters, and without a criterion nothing tells it from another. None when the mean of all points has a smaller
 * one.
 */
export function bestOf(fits: readonly Fit[], points: readonly Point[]): Best {
  const sizes = new Set(points.map(({ size }) => size)).size
  const tested = fits.flatMap((one) => {
    return one.criterion === null || sizes <= COUNTS[one.model] ? [] : [{ one, criterion: one.criterion }]
  })
  const first = tested.toSorted((left, right) => left.criterion - right.criterion)[0]
  if (first === undefined) {
    const measured = `${counted(points.length, 'run')} at ${counted(sizes, 'size')}`
    const line = `a straight line alone takes ${LINE_RUNS_MIN} at ${LINE_SIZES_MIN}`
    return { fit: null, why: `there are too few runs to tell (${measured}): ${line}` }
  }
  const { one, criterion } = first
  if (criterion < (criterionOf(spreadOf(points), points.length, 1) ?? -Infinity)) return { fit: one, why: '' }
  const nearest = `the nearest, ${one.model}, has R2 ${one.explained.toFixed(4)}`
  const why = `no law that ${sizes} sizes can test explains the throughput better than its mean does (${nearest})`
  return { fit: null, why }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** Squares of the distances from the mean, added up. */
function spreadOf(points: readonly Point[]): number {
  const mean = points.reduce((sum, { perSecond }) => sum + perSecond, 0) / points.length
  return points.reduce((sum, { perSecond }) => sum + (perSecond - mean) ** 2, 0)
}

/** Where throughput is highest; Infinity when it never falls. */
export function peakOf({ serial, crosstalk }: Parameters): number {
  return crosstalk <= 0 ? Infinity : Math.sqrt(Math.max(0, 1 - serial) / crosstalk)
}

function fitLinear(points: readonly Point[]): Parameters {
  const products = points.reduce((sum, { size, perSecond }) => sum + size * perSecond, 0)
  const squares = points.reduce((sum, { size }) => sum + size * size, 0)
  return { each: squares === 0 ? 0 : products / squares, serial: 0, crosstalk: 0 }
}

function fitCurve(model: ModelName, points: readonly Point[]): Parameters {
  // In units of the largest: parameters of one size converge.
  const unit = Math.max(1, ...points.map(({ perSecond }) => perSecond))
  const data = { x: points.map(({ size }) => size), y: points.map(({ perSecond }) => perSecond / unit) }
  const least = points.reduce((low, one) => (one.size < low.size ? one : low), points[0] ?? { size: 1, perSecond: 0 })
  const first = least.perSecond / unit / Math.max(1, least.size)
  const count = COUNTS[model]
  const attempts = STARTS.map(([serial, crosstalk]) => {
    const initialValues = [first, serial, crosstalk].slice(0, count)
    const { parameterValues, parameterError } = levenbergMarquardt(
      data,
      (values: number[]) => (size: number) => throughputOf(named(values), size),
      {
        initialValues,
        minValues: initialValues.map(() => 0),
        maxValues: [Number.MAX_VALUE, 1, 1].slice(0, count),
        damping: DAMPING,
        jacobianFunction: (values: number[]) => (size: number) => slopesOf(named(values), size).slice(0, count),
        maxIterations: ITERATIONS,
        errorTolerance: 0,
      },
    )
    return { parameters: named(parameterValues), error: parameterError }
  })
  const usable = attempts.filter(({ error }) => Number.isFinite(error))
  const best = usable.toSorted((one, other) => one.error - other.error)[0]
  const { each, serial, crosstalk } = best?.parameters ?? { each: first, serial: 0, crosstalk: 0 }
  return { each: each * unit, serial, crosstalk }
}

function named([each = 0, serial = 0, crosstalk = 0]: readonly number[]): Parameters {
  return { each, serial, crosstalk }
}

/** How throughput changes with each parameter. */
function slopesOf({ each, serial, crosstalk }: Parameters, size: number): number[] {
  const below = 1 + serial * (size - 1) + crosstalk * size * (size - 1)
  const bySerial = (-each * size * (size - 1)) / (below * below)
  return [size / below, bySerial, bySerial * size]
}

function criterionOf(squares: number, points: number, parameters: number): number | null {
  const unknowns = parameters + 1
  if (points <= unknowns + 1) return null
  const likelihood = points * Math.log(Math.max(squares, Number.MIN_VALUE) / points)
  return likelihood + 2 * unknowns + (2 * unknowns * (unknowns + 1)) / (points - unknowns - 1)
}
