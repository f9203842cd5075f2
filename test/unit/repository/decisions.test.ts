/** Decision records follow docs/decisions/template.md and are in the index. */
import { describe, expect, test } from 'vitest';
import { filesIn, ISO_DATE, read } from './files.ts';

const DECISIONS = 'docs/decisions';

describe('decision records', () => {
  const records = filesIn(DECISIONS, '.md').filter((file) => !['README.md', 'template.md'].includes(file));
  const headings = (text: string): readonly string[] => [...text.matchAll(/^## (.+)$/gm)].map(([, name = '']) => name);
  const field = (text: string, name: string): string | undefined =>
    new RegExp(`^- ${name}: (.+)$`, 'm').exec(text)?.[1];
  const template = read(`${DECISIONS}/template.md`);
  const index = read(`${DECISIONS}/README.md`);

  test('the template has context, decided and consequences', () => {
    expect(headings(template)).toEqual(['Context', 'Decided', 'Consequences']);
  });

  describe.each(records)('%s', (file) => {
    const text = read(`${DECISIONS}/${file}`);

    test('has the headings of the template', () => {
      expect(headings(text)).toEqual(headings(template));
    });

    test('has a date and a status', () => {
      expect(field(text, 'Date')).toMatch(ISO_DATE);
      expect(field(text, 'Status')).toMatch(/^(proposed|accepted|superseded by \[.+\]\(.+\.md\))$/);
    });

    test('is in the index, with its date, title and status', () => {
      const title = /^# (.+)$/m.exec(text)?.[1];
      const cells = [field(text, 'Date'), `[${title}](${file})`, field(text, 'Status')];
      expect(index).toContain(`| ${cells.join(' | ')} |`);
    });
  });
});
