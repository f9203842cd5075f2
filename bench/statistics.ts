/** Arithmetic of the benches' figures. */

/** @returns the value below which this share of the values lies; 0 of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** The upper one of an even number of values. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param digits after the decimal point. */
export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
