/** What pages have in common: nothing that a recording or a profile brings in is more than text. */

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

/** Inside a script element only `<` can end it, or begin a comment that swallows its end. */
export function scriptJson(data: object): string {
  return JSON.stringify(data).replaceAll('<', '\\u003c');
}

/** In one go, by a function: what was filled in is not looked into again, and a `$&` in a name is only that. */
export function fillPage(page: string, parts: Readonly<Record<string, string>>): string {
  return page.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => parts[name] ?? whole);
}
