/* haar: the daemon and its command line. */
#include <stdio.h>

int
main(void)
{
  puts("haar " HAAR_VERSION);
  return 0;
}
