import { fetchAccount, updateContact } from '../../acme/account-object.ts';
import { formatOutput, type OutputOptions, print } from '../output.ts';
import { type AccountOptions, withAccount } from './connect.ts';
import { parseEmail } from './options.ts';

/** What became of the contact. */
interface ContactChange {
  readonly ca: string;
  readonly outcome: 'unchanged' | 'wouldChange' | 'changed' | 'notKept';
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** Options of `certman account update-contact`. */
export interface UpdateContactOptions extends AccountOptions, OutputOptions {
  readonly email?: string;
  readonly remove?: true;
  readonly dryRun?: true;
}

/** Changes the contacts at the CA, unless they are the wanted ones. @throws CertmanError */
export async function updateAccountContact(options: UpdateContactOptions): Promise<void> {
  const { email, remove, dryRun } = options;
  if (email !== undefined) parseEmail(email);
  const change = await withAccount(options, async ({ ca, settings }): Promise<ContactChange> => {
    const to = remove === true ? [] : [`mailto:${email ?? (await settings.notificationEmail())}`];
    const { contact: from } = await fetchAccount(ca);
    const of = { ca: ca.host, from, to };
    if (from.length === to.length && from.every((one, index) => one === to[index]))
      return { ...of, outcome: 'unchanged' };
    if (dryRun === true) return { ...of, outcome: 'wouldChange' };
    const updated = await updateContact(ca, to);
    return { ...of, outcome: to.length === 0 || updated.contact.length > 0 ? 'changed' : 'notKept' };
  });
  print(await formatOutput(options, change, formatChange));
}

function formatChange({ ca, outcome, from, to }: ContactChange): string {
  const change = `the contact from ${shown(from)} to ${shown(to)} at ${ca}`;
  switch (outcome) {
    case 'unchanged':
      return `The contact is ${shown(to)} already; nothing was sent.`;
    case 'wouldChange':
      return `Would change ${change}.`;
    case 'changed':
      return `Changed ${change}.`;
    case 'notKept':
      return `${ca} accepted the contact, but keeps none.`;
  }
}

function shown(contact: readonly string[]): string {
  return contact.length === 0 ? 'none' : contact.map((url) => url.replace(/^mailto:/, '')).join(', ');
}
