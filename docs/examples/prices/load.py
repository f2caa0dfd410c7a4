"""Ask the example service for prices, for so many seconds: python load.py 150"""

import http.client
import sys
import time


def main() -> None:
    connection = http.client.HTTPConnection("127.0.0.1", 18431)
    end, asked = time.monotonic() + float(sys.argv[1]), 0
    while time.monotonic() < end:
        connection.request("GET", f"/price?item=article-{asked % 700}")
        connection.getresponse().read()
        asked += 1
        time.sleep(0.005)
    print(asked, "asked")


if __name__ == "__main__":
    main()
