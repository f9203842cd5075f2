/** CHANGELOG.md has the form of Keep a Changelog 1.1.0 and the versions of package.json. */
import { describe, expect, test } from 'vitest';
import { ISO_DATE, read } from './files.ts';

describe('CHANGELOG.md', () => {
  /** `[version, date]`, in the order of the file; Unreleased has no date. */
  const sections = [...read('CHANGELOG.md').matchAll(/^## \[([^\]]+)\](?: - (.+))?$/gm)].map(
    ([, version = '', date]) => ({ version, date }),
  );
  const released = sections.slice(1);
  const { version } = JSON.parse(read('package.json')) as { readonly version: string };

  /** Negative when `a` is the older version. */
  function compareVersions(a: string, b: string): number {
    const [left, right] = [a, b].map((one) => one.split('.').map(Number));
    const differences = (left ?? []).map((number, at) => number - (right?.[at] ?? 0));
    return differences.find((difference) => difference !== 0) ?? 0;
  }

  test('begins with the unreleased changes', () => {
    expect(sections[0]).toEqual({ version: 'Unreleased', date: undefined });
  });

  test('has every section once and in its form', () => {
    const all = [...read('CHANGELOG.md').matchAll(/^## .+$/gm)];
    expect(all.length).toBe(sections.length);
    expect(new Set(sections.map((section) => section.version)).size).toBe(sections.length);
  });

  test('dates each released version, the newest first', () => {
    for (const section of released) {
      expect(section.version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(section.date).toMatch(ISO_DATE);
    }
    const newestFirst = [...released].sort((a, b) => compareVersions(b.version, a.version));
    expect(released).toEqual(newestFirst);
  });

  test('has no version that is newer than package.json', () => {
    expect(released.filter((section) => compareVersions(section.version, version) > 0)).toEqual([]);
  });

  test('uses the kinds of changes of Keep a Changelog', () => {
    const kinds = [...read('CHANGELOG.md').matchAll(/^### (.+)$/gm)].map(([, kind]) => kind);
    const known = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];
    expect(kinds.filter((kind) => !known.includes(kind ?? ''))).toEqual([]);
  });
});
