/** A number with its noun: `1 zone`, `2 zones`. Pure. @param plural default: with an `s`. */
export function counted(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}
