/** Reads the text format of Prometheus, https://prometheus.io/docs/instrumenting/exposition_formats/. */

/** @returns the sum of the series of `name`, or of `name_total`, that have all of these labels. */
export function countSeries(text: string, name: string, labels: Readonly<Record<string, string>>): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const series = new RegExp(`^${name}(?:_total)?\\{(.*)\\} (\\S+)$`, 'gm');
  let sum = 0;
  for (const [, found = '', value] of text.matchAll(series)) {
    const pairs = new Set(found.match(/\w+="[^"]*"/g));
    if (wanted.every((pair) => pairs.has(pair))) sum += Number(value);
  }
  return sum;
}
