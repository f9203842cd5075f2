/**
 * The rules of ChangeResourceRecordSets that moto does not have: a CREATE needs absence, a DELETE exactly what is there
 * (Route 53 API reference, ChangeResourceRecordSets).
 */
import type { StoredTxtSet } from './txt-record-sets.ts';

interface Change extends StoredTxtSet {
  readonly action: string;
  readonly name: string;
}

/** @param body of a request, as the SDK writes it. @returns what AWS would say against it, in its words. */
export function complaintsAbout(body: string, stored: ReadonlyMap<string, StoredTxtSet>): readonly string[] {
  const sets = new Map(stored);
  const complaints: string[] = [];
  for (const { action, name, ...set } of changesIn(body)) {
    const there = sets.get(name);
    const what = `resource record set [name='${name}.', type='TXT']`;
    if (action === 'CREATE' && there !== undefined) complaints.push(`Tried to create ${what} but it already exists`);
    if (action === 'DELETE' && there === undefined) complaints.push(`Tried to delete ${what} but it was not found`);
    if (action === 'DELETE' && there !== undefined && JSON.stringify(there) !== JSON.stringify(set)) {
      complaints.push(`Tried to delete ${what} but the values provided do not match the current values`);
    }
    if (action === 'DELETE') sets.delete(name);
    else sets.set(name, set);
  }
  return complaints;
}

function changesIn(body: string): readonly Change[] {
  const text = (xml: string, tag: string): string => textsIn(xml, tag)[0] ?? '';
  return textsIn(body, 'Change').map((change) => ({
    action: text(change, 'Action'),
    name: text(change, 'Name').replace(/\.$/, ''),
    ttl: Number(text(change, 'TTL')),
    values: textsIn(change, 'Value').map((value) => value.replaceAll('&quot;', '"').replaceAll('&amp;', '&')),
  }));
}

function textsIn(xml: string, tag: string): readonly string[] {
  return [...xml.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, 'g'))].map(([, text]) => text ?? '');
}
