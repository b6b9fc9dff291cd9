/** Names and messages are the application's, and may be of any length. */
export function boundedText(text: string, charactersMax: number): string {
  return text.length <= charactersMax ? text : `${text.slice(0, charactersMax - 1)}…`;
}
