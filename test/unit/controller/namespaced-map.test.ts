import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { NamespacedMap } from '../../../src/controller/namespaced-map.ts';
import { keyOf } from '../../../src/controller/namespaced-name.ts';

const name = fc.record({ namespace: fc.constantFrom('a', 'b'), name: fc.integer({ min: 0, max: 11 }).map(String) });
const changes = fc.array(fc.record({ object: name, isDeleted: fc.boolean() }), { maxLength: 60 });

test('a namespace has what was set last of each name, be it one, a few or many', () => {
  fc.assert(
    fc.property(changes, (made) => {
      const changed: string[] = [];
      const map = new NamespacedMap<{ namespace: string; name: string; version: number }>({
        onChange: (key) => changed.push(key),
        compact: (value) => ({ ...value, version: value.version + 0.5 }),
      });
      const expected = new Map<string, object>();
      for (const [version, { object, isDeleted }] of made.entries()) {
        if (isDeleted) map.delete(object);
        else map.set({ ...object, version });
        if (isDeleted) expected.delete(keyOf(object));
        else expected.set(keyOf(object), { ...object, version: version + 0.5 });
        expect(map.get(object)).toEqual(expected.get(keyOf(object)));
        expect(map.find(keyOf(object))).toBe(map.get(object));
      }
      const values = [...expected.values()] as { readonly namespace: string }[];
      expect(changed).toEqual(made.map(({ object }) => keyOf(object)));
      expect(new Set(map.all())).toEqual(new Set(values));
      for (const namespace of ['a', 'b', 'c']) {
        const inNamespace = values.filter((value) => value.namespace === namespace);
        expect(new Set(map.in(namespace))).toEqual(new Set(inNamespace));
      }
    }),
    { numRuns: 200 },
  );
});
