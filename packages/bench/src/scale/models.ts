/**
 * Owns the laws of scaling that throughput is held against, and fitting them.
 * Must not know: what is scaled, how it was measured.
 * Invariant: no parameter is below 0; a model with more parameters than points is not fitted.
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
  /** Part of the variance that it explains, 1 for all. */
  readonly explained: number
  /** Corrected Akaike criterion: the smaller, the better, for any number of parameters; null with too few points. */
  readonly criterion: number | null
}

const COUNTS: Readonly<Record<ModelName, number>> = { linear: 1, amdahl: 2, usl: 3 }
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
  const mean = points.reduce((sum, { perSecond }) => sum + perSecond, 0) / points.length
  const spread = points.reduce((sum, { perSecond }) => sum + (perSecond - mean) ** 2, 0)
  return {
    model,
    parameters,
    explained: spread === 0 ? 1 : 1 - squares / spread,
    criterion: criterionOf(squares, points.length, COUNTS[model]),
  }
}

/** The one with the smallest criterion; without criteria the first there is. */
export function bestOf(fits: readonly Fit[]): Fit | null {
  const known = fits.filter(({ criterion }) => criterion !== null)
  return known.toSorted((one, other) => (one.criterion ?? 0) - (other.criterion ?? 0))[0] ?? fits[0] ?? null
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
