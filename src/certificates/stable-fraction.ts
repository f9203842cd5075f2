/** Chance that is the same every time: what spreads a fleet's renewals without a random number. Pure. */
import { digestOf } from '../clusters/digest.ts';

/** A number in [0, 1) that is always the same for the same text, and evenly spread over different ones. */
export function stableFraction(text: string): number {
  return Number.parseInt(digestOf(text).slice(0, 8), 16) / 2 ** 32;
}
