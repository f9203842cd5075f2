import { fetchAccount, updateContact } from '../../acme/account-object.ts';
import { print } from '../output.ts';
import { type AccountOptions, withAccount } from './connect.ts';
import { parseEmail } from './options.ts';

/** Options of `certman account update-contact`. */
export interface UpdateContactOptions extends AccountOptions {
  readonly email?: string;
  readonly remove?: true;
  readonly dryRun?: true;
}

/** Changes the contacts at the CA, unless they are the wanted ones. @throws CertmanError */
export async function updateAccountContact(options: UpdateContactOptions): Promise<void> {
  const { email, remove, dryRun } = options;
  if (email !== undefined) parseEmail(email);
  await withAccount(options, async ({ ca, settings }) => {
    const wanted = remove === true ? [] : [`mailto:${email ?? (await settings.notificationEmail())}`];
    const { contact } = await fetchAccount(ca);
    const change = `from ${shown(contact)} to ${shown(wanted)}`;
    if (contact.length === wanted.length && contact.every((one, index) => one === wanted[index])) {
      return print(`The contact is ${shown(wanted)} already; nothing was sent.`);
    }
    if (dryRun === true) return print(`Would change the contact ${change} at ${ca.host}.`);
    const updated = await updateContact(ca, wanted);
    const isKept = wanted.length === 0 || updated.contact.length > 0;
    print(isKept ? `Changed the contact ${change} at ${ca.host}.` : `${ca.host} accepted the contact, but keeps none.`);
  });
}

function shown(contact: readonly string[]): string {
  return contact.length === 0 ? 'none' : contact.map((url) => url.replace(/^mailto:/, '')).join(', ');
}
