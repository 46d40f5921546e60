/** The time of day to the millisecond: within one run that is what tells events apart. */
const forms = {
  local: new Intl.DateTimeFormat('en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
  }),
  utc: new Intl.DateTimeFormat('en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
    timeZone: 'UTC',
  }),
};

export function timeOfDay(at: string | number, zone: 'local' | 'utc'): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? '–' : forms[zone].format(date);
}
