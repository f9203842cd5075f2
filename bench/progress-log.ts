/** @returns what writes a line to stderr, with the seconds since this call. */
export function progressLog(): (text: string) => void {
  const begin = performance.now();
  return (text) => void process.stderr.write(`${Math.round((performance.now() - begin) / 1000)} s: ${text}\n`);
}
