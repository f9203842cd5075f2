/** HTML in which no text from outside is markup. */
import { printable } from '../../failures/printable.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Markup that was made by {@link html}. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What a template takes: text is escaped, markup is not, lists are joined. */
export type HtmlValue = string | number | Markup | readonly Markup[];

/** A template of which every value that is no markup is escaped, in content and in quoted attributes. */
export function html(template: TemplateStringsArray, ...values: readonly HtmlValue[]): Markup {
  const parts = template.raw.map((part, index) => {
    const value = values[index];
    return value === undefined ? part : part + asMarkup(value);
  });
  return new Markup(parts.join(''));
}

function asMarkup(value: HtmlValue): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(({ text }) => text).join('');
  return printable(String(value)).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
