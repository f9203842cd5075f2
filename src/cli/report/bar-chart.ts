/** A bar chart as inline SVG: readable without scripts, styles or requests. Pure. */
import type { Bar } from './fleet-report.ts';
import { html, type Markup } from './html.ts';

const WIDTH = 720;
const HEIGHT = 200;
const MARGIN = { top: 18, right: 8, bottom: 34, left: 44 } as const;
const MAX_LABELS = 9;

/** What a chart shows. */
export interface BarChart {
  readonly title: string;
  readonly bars: readonly Bar[];
  /** Names and colours of the parts of a bar, from the bottom up. */
  readonly parts: readonly { readonly name: string; readonly colour: string }[];
  /** In place of the day of a bar, such as `later`. */
  readonly labels?: Readonly<Record<number, string>>;
}

/** Draws it. */
export function barChart({ title, bars, parts, labels = {} }: BarChart): Markup {
  const totals = bars.map(({ counts }) => counts.reduce((sum, count) => sum + count, 0));
  const top = Math.max(1, ...totals);
  const inner = { width: WIDTH - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const step = inner.width / Math.max(1, bars.length);
  const every = Math.ceil(bars.length / MAX_LABELS);
  const baseline = MARGIN.top + inner.height;
  const drawn = bars.map(({ day, counts }, index) => {
    const x = MARGIN.left + index * step;
    const label = labels[index] ?? day;
    let y = baseline;
    const pieces = counts.map((count, part) => {
      const height = (count / top) * inner.height;
      y -= height;
      const { colour = '#888' } = parts[part] ?? {};
      return html`<rect x="${rounded(x + step * 0.12)}" y="${rounded(y)}" width="${rounded(step * 0.76)}" height="${rounded(height)}" fill="${colour}"/>`;
    });
    const said = counts.map((count, part) => `${parts[part]?.name ?? ''} ${count}`.trim()).join(', ');
    const shown = labels[index] !== undefined || index % every === 0;
    const text = shown
      ? html`<text x="${rounded(x + step / 2)}" y="${baseline + 16}" text-anchor="middle">${label.replace(/^\d{4}-/, '')}</text>`
      : html``;
    return html`<g><title>${label}: ${said}</title>${pieces}${text}</g>`;
  });
  const legend =
    parts.length < 2
      ? []
      : parts.map(({ name, colour }) => html`<span><i style="background:${colour}"></i>${name}</span> `);
  return html`<figure><figcaption>${title} ${legend}</figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}"><line x1="${MARGIN.left}" y1="${baseline}" x2="${WIDTH - MARGIN.right}" y2="${baseline}"/><text x="${MARGIN.left - 6}" y="${MARGIN.top + 4}" text-anchor="end">${top}</text><text x="${MARGIN.left - 6}" y="${baseline}" text-anchor="end">0</text>${drawn}</svg></figure>`;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
