/**
 * Owns what measurements at several sizes say about scaling: fits with their residuals, the peak with its range, and
 * how far they may be carried beyond what was measured.
 * Must not know: what is scaled, how it was measured.
 * Invariant: nothing is told of sizes beyond EXTRAPOLATE_MAX times the largest that was measured; without a best law,
 * neither a peak nor a prediction.
 */
import { bestOf, fit, MODEL_NAMES, peakOf, throughputOf } from './models.ts'
import type { Fit, Point } from './models.ts'

/** Twice as many as the most that were measured, and no more. */
export const EXTRAPOLATE_MAX = 2

export interface Residual {
  readonly size: number
  readonly measured: number
  readonly fitted: number
  /** Of what was fitted: 0.1 is a tenth above it. */
  readonly share: number
}

export interface FitReport extends Fit {
  readonly residuals: readonly Residual[]
}

export interface Peak {
  readonly size: number
  readonly perSecond: number
  /** Over fits that leave out one size each; Infinity is told as null. */
  readonly lowSize: number | null
  readonly highSize: number | null
}

export interface Prediction {
  readonly size: number
  /** Null for a size that is too far. */
  readonly perSecond: number | null
  readonly why: string
}

export interface Analysis {
  readonly fits: readonly FitReport[]
  readonly best: Fit['model'] | null
  /** Why none is the best, as a part of a sentence; empty when one is. */
  readonly bestWhy: string
  /** Null when throughput does not fall, or only beyond what may be told, or when no law is the best. */
  readonly peak: Peak | null
  readonly predictions: readonly Prediction[]
}

export function analyse(points: readonly Point[], predicted: readonly number[]): Analysis {
  const fits = MODEL_NAMES.flatMap((model) => fit(model, points) ?? [])
  const { fit: best, why: bestWhy } = bestOf(fits, points)
  const largest = Math.max(0, ...points.map(({ size }) => size))
  return {
    fits: fits.map((one) => ({ ...one, residuals: residualsOf(one, points) })),
    best: best?.model ?? null,
    bestWhy,
    peak: best?.model === 'usl' ? peakWithin(best, points, largest * EXTRAPOLATE_MAX) : null,
    predictions: predicted.map((size) => predict(best, size, largest)),
  }
}

function residualsOf({ parameters }: Fit, points: readonly Point[]): Residual[] {
  return points.map(({ size, perSecond: measured }) => {
    const fitted = throughputOf(parameters, size)
    return { size, measured, fitted, share: fitted === 0 ? 0 : measured / fitted - 1 }
  })
}

function peakWithin({ model, parameters }: Fit, points: readonly Point[], sizeMax: number): Peak | null {
  const size = peakOf(parameters)
  if (size > sizeMax) return null
  const sizes = [...new Set(points.map((point) => point.size))]
  const others = sizes.flatMap((left) => {
    const found = fit(
      model,
      points.filter((point) => point.size !== left),
    )
    return found === null ? [] : [peakOf(found.parameters)]
  })
  const bound = (value: number): number | null => (Number.isFinite(value) && value <= sizeMax ? value : null)
  return {
    size,
    perSecond: throughputOf(parameters, size),
    lowSize: others.length === 0 ? null : bound(Math.min(size, ...others)),
    highSize: others.length === 0 ? null : bound(Math.max(size, ...others)),
  }
}

function predict(best: Fit | null, size: number, largest: number): Prediction {
  if (best === null) return { size, perSecond: null, why: 'not told: no law is the best' }
  if (size > largest * EXTRAPOLATE_MAX) {
    const why = `too far: measured up to ${largest}, and no more than ${EXTRAPOLATE_MAX} times that is told`
    return { size, perSecond: null, why }
  }
  const why = size <= largest ? '' : `beyond what was measured, by ${best.model}`
  return { size, perSecond: throughputOf(best.parameters, size), why }
}
